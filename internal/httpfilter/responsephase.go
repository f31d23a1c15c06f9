package httpfilter

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// responseHeaders runs on_response_headers and waits while the plugin holds the response.
func (x *exchange) responseHeaders(eos bool) error {
	w := x.response
	x.later.apply(w.headers.header)
	if w.through || !x.has(abi.OnResponseHeaders) {
		return nil
	}
	before, status := w.headSnapshot(), w.headers.status
	v := x.stream.ResponseHeaders(w.headers.Len(), eos)
	err := x.outcomeOf(v)
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

// hold keeps the response while the handler goes on writing it.
func (w *responseWriter) hold() {
	w.held = true
	w.exchange.stream.Leave(abi.StreamHTTPResponse)
}

func (w *responseWriter) headSnapshot() http.Header {
	if !w.exchange.filter.plugin.FailOpen() {
		return nil
	}
	return w.headers.header.Clone()
}

// data runs on_response_body on what is in the buffer.
func (w *responseWriter) data(eos bool) error {
	x := w.exchange
	before := x.bodySnapshot(&w.output)
	v := x.stream.ResponseBody(w.output.Len(), eos)
	if err := x.outcomeOf(v); err != nil {
		return err
	}
	if !x.active() {
		w.output.Set(before)
		return w.release(eos)
	}
	return w.settle(v, eos)
}

// settle does what a body callback's action means.
func (w *responseWriter) settle(v proxywasm.Verdict, eos bool) error {
	if v.Action == abi.DataStopIterationNoBuffer {
		w.output.Take()
		w.altered = true
	}
	if v.Paused() {
		if !eos {
			w.exchange.stream.Leave(abi.StreamHTTPResponse) // the handler goes on writing to the buffer
			return nil
		}
		if err := w.exchange.wait(abi.OnResponseBody); err != nil {
			return err
		}
	}
	return w.release(eos)
}

var errLength = errors.New("a plugin changed the body after its Content-Length was sent: " +
	"remove the header in on_response_headers, or pause until the body is whole")

// release lets the buffer through. The head goes first, with a length that is right.
func (w *responseWriter) release(eos bool) error {
	changed := w.altered || w.output.Changed()
	data := w.output.Take()
	switch {
	case w.committed && changed && w.fixed:
		return errLength
	case !w.committed && eos:
		w.setLength(len(data), changed)
	case !w.committed && changed:
		w.headers.header.Del("Content-Length")
	}
	w.altered = changed
	w.held = false
	w.commit()
	if len(data) == 0 {
		return nil
	}
	_, err := w.ResponseWriter.Write(data)
	return err
}

// setLength declares the length of a body that is known whole, where there was one or the body is the plugin's.
func (w *responseWriter) setLength(n int, changed bool) {
	if w.headers.header.Get("Content-Length") != "" || changed {
		w.headers.header.Set("Content-Length", strconv.Itoa(n))
	}
}

// end completes the response after the next handler has returned: the last body callback, and the trailers'.
func (w *responseWriter) end() error {
	if err := w.ready(); err != nil {
		return err
	}
	trailers := w.collectTrailers()
	if !w.passing() {
		if err := w.data(trailers == nil); err != nil {
			return err
		}
	} else if err := w.flushHeld(); err != nil {
		return err
	}
	if err := w.runTrailers(trailers); err != nil {
		return err
	}
	return w.flushHeld() // what the last body callback held waited for the trailers'
}

// collectTrailers finds the trailers that the handler has set: announced ones, and those with Go's prefix.
func (w *responseWriter) collectTrailers() http.Header {
	if !w.exchange.has(abi.OnResponseTrailers) && !w.exchange.has(abi.OnResponseBody) {
		return nil
	}
	var found http.Header
	add := func(name string, values []string) {
		if found == nil {
			found = http.Header{}
		}
		found[http.CanonicalHeaderKey(name)] = values
	}
	for _, line := range w.headers.header["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			if values := w.headers.header.Values(strings.TrimSpace(name)); len(values) > 0 {
				add(strings.TrimSpace(name), values)
			}
		}
	}
	for name, values := range w.headers.header {
		if bare, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			add(bare, values)
		}
	}
	return found
}

// runTrailers runs on_response_trailers and gives net/http what became of them.
func (w *responseWriter) runTrailers(trailers http.Header) error {
	x := w.exchange
	if trailers == nil || !x.has(abi.OnResponseTrailers) {
		return nil
	}
	w.trailers = trailers.Clone()
	v := x.stream.ResponseTrailers(count(w.trailers))
	err := x.outcomeOf(v)
	if err == nil && v.Paused() {
		err = x.wait(abi.OnResponseTrailers)
	}
	if err != nil || !x.active() {
		return err
	}
	for name := range trailers {
		w.headers.header.Del(name)
		delete(w.headers.header, http.TrailerPrefix+name)
	}
	for name, values := range w.trailers {
		w.headers.header[http.TrailerPrefix+name] = values
	}
	return nil
}
