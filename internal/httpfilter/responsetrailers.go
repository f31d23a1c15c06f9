package httpfilter

import (
	"net/http"
	"strings"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// collectTrailers takes the trailers that the handler has set, announced ones and those with Go's prefix, where a plugin
// may want to see them or has a header of its own.
func (w *responseWriter) collectTrailers() {
	if w.own == nil && !w.exchange.has(abi.OnResponseTrailers) {
		return
	}
	set := w.Header()
	add := func(name string, values []string) {
		if w.trailers == nil {
			w.trailers = http.Header{}
		}
		w.trailers[http.CanonicalHeaderKey(name)] = values
	}
	for _, line := range set["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if values := set[name]; len(values) > 0 {
				add(name, values)
				delete(set, name)
				delete(w.headers.header, name)
			}
		}
	}
	for name, values := range set {
		if bare, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			add(bare, values)
			delete(set, name)
		}
	}
}

// runTrailers runs on_response_trailers.
func (w *responseWriter) runTrailers() error {
	x := w.exchange
	before := copyTrailers(w.trailers)
	v := x.stream.ResponseTrailers(count(w.trailers))
	err := w.outcomeOf(v)
	if err == nil && v.Paused() {
		err = x.wait(abi.OnResponseTrailers)
	}
	if !x.active() {
		w.trailers = before
	}
	return err
}

// putTrailers hands the trailers to net/http. In HTTP/1.1 only a chunked body has trailers: its head must not declare a
// length, and a body that is still in net/http's buffer must begin before its end is known.
func (w *responseWriter) putTrailers() {
	chunked := w.exchange.request.ProtoMajor == 1
	if len(w.trailers) == 0 || chunked && w.committed && w.fixed {
		return
	}
	for name, values := range w.trailers {
		w.headers.header[http.TrailerPrefix+name] = values
	}
	switch {
	case !chunked:
	case w.committed:
		_ = http.NewResponseController(w.ResponseWriter).Flush() // a client that is gone needs no trailers
	default:
		w.headers.header.Del("Content-Length")
	}
}
