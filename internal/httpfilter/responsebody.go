package httpfilter

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// data runs on_response_body on what is in the buffer. It reports whether the plugin holds it and waits for more.
func (w *responseWriter) data(eos bool) (held bool, err error) {
	x := w.exchange
	before, trailers := x.bodySnapshot(&w.output), copyTrailers(w.trailers)
	x.lastResponseBody = eos
	v := x.stream.ResponseBody(w.output.Len(), eos)
	if err := w.outcomeOf(v); err != nil {
		return false, err
	}
	if !x.active() {
		w.output.Restore(before)
		w.trailers = trailers
		return false, w.release(eos)
	}
	return w.settle(v, eos)
}

// settle does what a body callback's action means.
func (w *responseWriter) settle(v proxywasm.Verdict, eos bool) (held bool, err error) {
	x := w.exchange
	if !v.Paused() {
		w.output.Thaw()
		return false, w.release(eos)
	}
	x.stream.Leave(abi.StreamHTTPResponse)
	full := x.hold(&w.output, v.Action)
	w.altered = w.altered || v.Action == abi.DataStopIterationNoBuffer
	if full && v.Action == abi.ActionPause {
		return false, &Error{Status: http.StatusInternalServerError, Reason: x.overLimit("response", &w.output)}
	}
	if !eos && !full {
		return true, nil
	}
	if err := x.wait(abi.OnResponseBody); err != nil {
		return false, err
	}
	return false, w.release(eos)
}

// hold keeps what a callback has stopped, or drops it when the plugin took it. It reports whether the buffer is full:
// over its limit, or, where the plugin wants back-pressure instead of an error, at it.
func (x *exchange) hold(body *proxywasm.Body, a abi.Action) (full bool) {
	body.Thaw()
	if a == abi.DataStopIterationNoBuffer {
		body.Take()
		return false
	}
	body.Keep()
	limit := x.bodyLimit(body)
	return int64(body.Len()) > limit || a == abi.DataStopIterationWatermark && int64(body.Len()) == limit
}

func (x *exchange) overLimit(what string, body *proxywasm.Body) string {
	x.filter.plugin.CountBodyLimit()
	x.record.Limited("body")
	return fmt.Sprintf("plugin %s holds the %s body, which is larger than its limit of %d bytes",
		x.filter.plugin.Name(), what, x.bodyLimit(body))
}

var errLength = errors.New("a plugin changed the length of a body after its Content-Length was sent: " +
	"remove the header in the header callback, or pause until the body is whole")

// release lets the buffer through. The head goes first, with a length that is right.
func (w *responseWriter) release(eos bool) error {
	w.altered = w.altered || w.output.Resized()
	data := w.output.Take()
	switch {
	case w.committed && w.altered && w.fixed:
		return errLength
	case !w.committed && eos:
		w.setLength(len(data))
	case !w.committed && w.altered:
		w.headers.header.Del("Content-Length")
	}
	if eos {
		w.putTrailers()
	}
	w.held = false
	w.commit()
	if len(data) == 0 {
		return nil
	}
	_, err := w.send(data)
	w.output.Reuse(data)
	return err
}

// end completes the response after the next handler has returned: the last body callback, and the trailers'.
func (w *responseWriter) end() error {
	w.begin()
	if w.dead != nil {
		return w.dead
	}
	w.collectTrailers()
	more := len(w.trailers) > 0 && w.exchange.has(abi.OnResponseTrailers) // else the body is the end
	if !w.passing() {
		if _, err := w.data(!more); err != nil {
			return err
		}
	} else if err := w.flushHeld(); err != nil {
		return err
	}
	if more {
		if err := w.runTrailers(); err != nil {
			return err
		}
	}
	w.putTrailers()
	return w.flushHeld() // what the last body callback held waited for the trailers'
}
