package proxy

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// copyBuffer is how much of a response is copied at once.
const copyBuffer = 32 << 10

// answer copies the response to the client. A response that breaks off is not passed off as whole.
func (h *Handler) answer(w http.ResponseWriter, res *http.Response) error {
	defer res.Body.Close()
	removeHopByHop(res.Header)
	header := w.Header()
	delete(header, "Server") // of who answers: the backend
	header["Via"] = via(header["Via"], res.ProtoMajor, res.ProtoMinor)
	addAll(header, res.Header)
	announced := len(res.Trailer)
	if announced > 0 {
		header["Trailer"] = append(header["Trailer"], strings.Join(slices.Sorted(maps.Keys(res.Trailer)), ", "))
	}
	w.WriteHeader(res.StatusCode)
	if res.Body != http.NoBody {
		if err := h.copyBody(w, res); err != nil {
			h.breakOff(w, err)
		}
	}
	if len(res.Trailer) > 0 {
		_ = http.NewResponseController(w).Flush() // makes it chunked, which trailers need
		addTrailer(header, res.Trailer, len(res.Trailer) == announced)
	}
	return nil
}

// breakOff has the client see that the response is not whole.
func (h *Handler) breakOff(w http.ResponseWriter, err error) {
	if c := h.shared.logger.Check(zap.WarnLevel, "aborting with incomplete response"); c != nil {
		c.Write(zap.String("upstream", h.Upstream), zap.Error(err))
	}
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func (h *Handler) copyBody(w http.ResponseWriter, res *http.Response) error {
	buffer, ok := h.shared.buffers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
		*buffer = make([]byte, copyBuffer)
	}
	defer h.shared.buffers.Put(buffer)
	if !streams(res) {
		return copyParts(w, res.Body, *buffer, nil)
	}
	flush := http.NewResponseController(w).Flush
	if !hasCome(res.Body) {
		_ = flush() // the head does not wait for the first part
	}
	return copyParts(w, res.Body, *buffer, flush)
}

// copyParts copies what comes as it comes, and flushes after each part but the last.
func copyParts(w io.Writer, body io.Reader, buffer []byte, flush func() error) error {
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return fmt.Errorf("writing to the client: %w", err)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if flush != nil {
			_ = flush() // that the client has gone is seen by the next Write
		}
	}
}

// makeRoom lets trailers follow the body of a response that says its length, as HTTP/2 permits: over HTTP/1.1 they need chunks.
func makeRoom(res *http.Response, r *http.Request) {
	if r.ProtoMajor == 1 && len(res.Trailer) > 0 && r.Method != http.MethodHead && res.ContentLength >= 0 {
		res.Header.Del("Content-Length")
		res.ContentLength = -1
	}
}

// streams reports whether each part should be at the client as soon as it comes: where nobody knows when the next does.
func streams(res *http.Response) bool {
	return res.ContentLength < 0 || strings.HasPrefix(res.Header.Get("Content-Type"), eventStream) ||
		len(res.Header["Incremental"]) > 0 && caddyhttp.IsIncremental(res.Header)
}

// hasCome reports whether a part of the body is there already.
func hasCome(body io.Reader) bool {
	b, ok := body.(interface{ Buffered() int })
	return ok && b.Buffered() > 0
}

// addAll adds fields. A list that is new is taken over, and not copied.
func addAll(to, from http.Header) {
	for name, values := range from {
		if own := to[name]; len(own) > 0 {
			values = append(own[:len(own):len(own)], values...)
		}
		to[name] = values
	}
}

// addTrailer writes the trailers: those that were not announced under a name that net/http knows them by.
func addTrailer(header, trailer http.Header, announced bool) {
	for name, values := range trailer {
		if !announced {
			name = http.TrailerPrefix + name
		}
		header[name] = append(header[name], values...)
	}
}
