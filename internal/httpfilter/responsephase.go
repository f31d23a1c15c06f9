package httpfilter

import (
	"net/http"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// responseHeaders runs on_response_headers and waits while the plugin holds the response.
func (x *exchange) responseHeaders(eos bool) error {
	w := &x.response
	x.later.apply(w.headers.header)
	if w.through || !x.has(abi.OnResponseHeaders) {
		return nil
	}
	before, status := w.headSnapshot(), w.headers.status
	v := x.stream.ResponseHeaders(w.headers.Len(), eos)
	err := w.outcomeOf(v)
	if err == nil && v.Paused() {
		if v.Action == abi.ActionPause && !eos && x.has(abi.OnResponseBody) {
			w.hold()
		} else {
			err = x.wait(abi.OnResponseHeaders)
		}
	}
	if !x.active() && before != nil {
		clear(w.headers.header)
		for name, values := range before {
			w.headers.header[name] = values
		}
		w.headers.status = status
	}
	return err
}

// hold keeps the head while the handler goes on writing, or is silent.
func (w *responseWriter) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = true
	w.watchHeld()
}

func (w *responseWriter) headSnapshot() http.Header {
	if !w.exchange.filter.plugin.FailOpen() {
		return nil
	}
	return w.headers.header.Clone()
}
