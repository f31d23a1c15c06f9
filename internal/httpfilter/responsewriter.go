package httpfilter

import (
	"io"
	"net/http"
	"strconv"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// responseWriter is what the next handler answers to. With a body callback the head is held back until the first data
// callback, so that a Content-Length that a plugin makes wrong can still be mended.
type responseWriter struct {
	http.ResponseWriter
	exchange *exchange
	base     http.Header // what stood in the header before the next handler

	headers     responseHeaders
	output      proxywasm.Body
	trailers    http.Header
	wroteHeader bool
	committed   bool  // the head is on its way
	through     bool  // no body callbacks: none wanted, an upgrade, or no body at all
	held        bool  // a header callback paused, but wants to see the body
	altered     bool  // the plugin changed the body
	fixed       bool  // committed with a Content-Length
	dead        error // the response cannot go on
}

func newResponseWriter(x *exchange, w http.ResponseWriter) *responseWriter {
	return &responseWriter{ResponseWriter: w, exchange: x, base: w.Header().Clone(), headers: responseHeaders{header: w.Header()}}
}

// Unwrap makes http.ResponseController find what is not wrapped here, such as Hijack.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader runs on_response_headers. Informational responses pass by.
func (w *responseWriter) WriteHeader(status int) {
	if w.wroteHeader {
		return
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.wroteHeader, w.headers.status = true, status
	eos := w.bodyless(status)
	if err := w.exchange.responseHeaders(eos); err != nil {
		w.dead = w.exchange.stop(err)
		return
	}
	w.through = w.through || eos || status == http.StatusSwitchingProtocols || !w.exchange.has(abi.OnResponseBody)
	if w.through {
		w.commit()
	}
}

// bodyless reports whether no body can follow.
func (w *responseWriter) bodyless(status int) bool {
	return w.exchange.request.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified ||
		w.headers.header.Get("Content-Length") == "0"
}

// commit sends the head.
func (w *responseWriter) commit() {
	if w.committed {
		return
	}
	w.committed = true
	w.fixed = w.headers.header.Get("Content-Length") != ""
	w.ResponseWriter.WriteHeader(w.headers.status)
}

// Write shows a chunk to the plugin.
func (w *responseWriter) Write(p []byte) (int, error) {
	if err := w.ready(); err != nil {
		return 0, err
	}
	if w.passing() {
		if err := w.flushHeld(); err != nil {
			return 0, w.die(err)
		}
		return w.ResponseWriter.Write(p)
	}
	if limit := w.exchange.filter.plugin.BodyLimit(); w.output.Len() > 0 && int64(w.output.Len()+len(p)) > limit {
		return 0, w.die(&Error{Status: http.StatusInternalServerError, Reason: "plugin " + w.exchange.filter.plugin.Name() +
			" holds the response body, which is larger than its limit of " + strconv.FormatInt(limit, 10) + " bytes"})
	}
	w.output.Append(p)
	if err := w.data(false); err != nil {
		return 0, w.die(err)
	}
	return len(p), nil
}

// flushHeld sends the head and what a plugin held that has failed open since, or that waited for the trailers.
func (w *responseWriter) flushHeld() error {
	if w.output.Len() > 0 || !w.committed && w.output.Changed() {
		return w.release(false)
	}
	w.commit()
	return nil
}

// passing reports whether chunks go on without a callback.
func (w *responseWriter) passing() bool {
	return w.through || !w.exchange.active()
}

func (w *responseWriter) ready() error {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
	return w.dead
}

func (w *responseWriter) die(err error) error {
	w.dead = w.exchange.stop(err)
	return w.dead
}

// ReadFrom keeps the fast path of the connection when nobody looks at the body.
func (w *responseWriter) ReadFrom(r io.Reader) (int64, error) {
	if err := w.ready(); err != nil {
		return 0, err
	}
	if !w.passing() {
		return io.Copy(writerOnly{w}, r)
	}
	w.commit()
	return io.Copy(w.ResponseWriter, r)
}

// writerOnly hides ReadFrom.
type writerOnly struct{ io.Writer }

// FlushError sends what the plugin has let through.
func (w *responseWriter) FlushError() error {
	if err := w.ready(); err != nil {
		return err
	}
	if !w.passing() && (w.held || w.output.Len() > 0) {
		return nil // the plugin holds it
	}
	w.commit()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements http.Flusher.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// reset makes the writer ready for an answer of the plugin's own.
func (w *responseWriter) reset() {
	clear(w.headers.header)
	for name, values := range w.base {
		w.headers.header[name] = values
	}
	w.output.Take()
	w.through = w.wroteHeader // in the response phases the callbacks have run
	w.wroteHeader, w.held, w.dead, w.altered = false, false, nil, false
}

// Interface guards
var (
	_ http.ResponseWriter = (*responseWriter)(nil)
	_ http.Flusher        = (*responseWriter)(nil)
	_ io.ReaderFrom       = (*responseWriter)(nil)
)
