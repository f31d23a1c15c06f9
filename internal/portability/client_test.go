package portability

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// sendUntil sends a request, again and again if it waits for a status.
func (r request) sendUntil(rt http.RoundTripper, base string, pace func(piece int)) []string {
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		lines := r.send(rt, base, pace)
		if r.Until == 0 || lines[0] == fmt.Sprintf("status %d", r.Until) || time.Now().After(deadline) {
			return lines
		}
	}
}

// send sends a request and returns what came back.
func (r request) send(rt http.RoundTripper, base string, pace func(piece int)) []string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, base+r.Path, r.body(pace))
	if err != nil {
		return []string{"cannot be sent: " + err.Error()}
	}
	req.ContentLength = r.length()
	req.Header["User-Agent"] = []string{"test"}
	for _, p := range r.Headers {
		name := http.CanonicalHeaderKey(p[0])
		req.Header[name] = append(req.Header[name], p[1])
	}
	for _, p := range r.Trailers {
		if req.Trailer == nil {
			req.Trailer = http.Header{}
		}
		req.Trailer.Add(p[0], p[1])
	}
	res, err := rt.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			return []string{"no answer"}
		}
		return []string{"the connection is closed instead of an answer"}
	}
	defer res.Body.Close()
	return received(res)
}

func received(res *http.Response) []string {
	body, err := io.ReadAll(res.Body)
	lines := []string{fmt.Sprintf("status %d", res.StatusCode)}
	lines = append(lines, messageLines(res.Header, body, res.Trailer)...)
	if err != nil {
		lines = append(lines, "the body is cut")
	}
	return lines
}

// length declares a body of one piece; several pieces go as they come.
func (r request) length() int64 {
	switch {
	case len(r.Body) > 1 || len(r.Trailers) > 0:
		return -1
	case len(r.Body) == 1:
		return int64(len(r.Body[0]))
	}
	return int64(r.Size)
}

func (r request) body(pace func(int)) io.Reader {
	switch {
	case len(r.Body) == 1 && len(r.Trailers) == 0:
		return strings.NewReader(r.Body[0])
	case r.Size > 0:
		return strings.NewReader(strings.Repeat("x", r.Size))
	case len(r.Body) == 0 && len(r.Trailers) == 0:
		return http.NoBody
	}
	reader, writer := io.Pipe()
	go func() {
		defer writer.Close()
		for i, piece := range r.Body {
			if _, err := io.WriteString(writer, piece); err != nil {
				return
			}
			if r.Paced {
				pace(i + 1)
			}
		}
	}()
	return reader
}
