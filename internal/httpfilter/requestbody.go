package httpfilter

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// chunkSize is how much of a request body is read at a time, and so the most that a guest sees in one callback.
const chunkSize = 16 << 10

// requestBody is the body that the next handler reads: what the plugin lets through of the client's. The handler may read
// it on another goroutine than its own, and even after it has returned.
type requestBody struct {
	exchange *exchange
	source   io.ReadCloser
	chunk    []byte
	ready    []byte // released by the plugin
	altered  bool
	released bool // the plugin has let something through, if only nothing
	held     bool // the plugin waits for more
	eof      bool
	err      error
	pending  atomic.Pointer[pendingRead]
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	for len(b.ready) == 0 {
		switch {
		case b.err != nil:
			return 0, b.err
		case b.eof:
			return 0, io.EOF
		case b.exchange.isEnded():
			return 0, errEnded
		case !b.exchange.active():
			return b.source.Read(p)
		}
		b.err = b.pull()
	}
	n := copy(p, b.ready)
	b.ready = b.ready[n:]
	return n, nil
}

// Close implements io.Closer.
func (b *requestBody) Close() error { return b.source.Close() }

// prime reads until the plugin lets something through, or to the end.
func (b *requestBody) prime() error {
	for !b.released && !b.eof && b.exchange.active() {
		if err := b.pull(); err != nil {
			b.err = err
			return err
		}
	}
	return nil
}

// pull reads a chunk and shows it to the plugin.
func (b *requestBody) pull() error {
	if b.chunk == nil {
		b.chunk = make([]byte, chunkSize)
	}
	n, err := b.read()
	if errors.Is(err, errReleased) {
		return nil
	}
	b.eof = errors.Is(err, io.EOF)
	if err != nil && !b.eof {
		return b.exchange.stop(clientError(err))
	}
	if n == 0 && !b.eof {
		return nil
	}
	x := b.exchange
	if limit := x.filter.plugin.BodyLimit(); int64(x.input.Len()+n) > max(limit, chunkSize) {
		return x.stop(&Error{Status: http.StatusRequestEntityTooLarge, Reason: fmt.Sprintf(
			"plugin %s holds the request body, which is larger than its limit of %d bytes", x.filter.plugin.Name(), limit)})
	}
	x.input.Append(b.chunk[:n])
	return b.show()
}

func clientError(err error) error {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) || isOutcome(err) {
		return err // Caddy answers 413; the plugin has its own answer
	}
	return &Error{Status: http.StatusBadRequest, Reason: "reading the request body", Err: err}
}

// show makes the callbacks for what is in the buffer.
func (b *requestBody) show() error {
	x := b.exchange
	trailers := b.eof && count(x.request.Trailer) > 0 && x.has(abi.OnRequestTrailers) // else the body is the end
	if x.has(abi.OnRequestBody) {
		if err := b.data(b.eof && !trailers); err != nil {
			return x.stop(err)
		}
	} else {
		b.release()
	}
	if trailers {
		if err := b.trailers(); err != nil {
			return x.stop(err)
		}
		b.release()
	}
	return nil
}

func (b *requestBody) data(eos bool) error {
	x := b.exchange
	before := x.bodySnapshot(&x.input)
	v := x.stream.RequestBody(x.input.Len(), eos)
	if err := x.outcomeOf(v); err != nil {
		return err
	}
	if !x.active() {
		x.input.Set(before)
		b.release()
		return nil
	}
	return b.settle(v, eos)
}

// settle does what a body callback's action means.
func (b *requestBody) settle(v proxywasm.Verdict, eos bool) error {
	x := b.exchange
	if v.Action == abi.DataStopIterationNoBuffer {
		x.input.Take()
		b.altered = true
	}
	if v.Paused() {
		if !eos {
			b.held = true
			return nil
		}
		if err := x.wait(abi.OnRequestBody); err != nil {
			return err
		}
	}
	b.release()
	return nil
}

func (b *requestBody) trailers() error {
	x := b.exchange
	v := x.stream.RequestTrailers(count(x.request.Trailer))
	if err := x.outcomeOf(v); err != nil || !v.Paused() {
		return err
	}
	return x.wait(abi.OnRequestTrailers)
}

// release lets the buffer through.
func (b *requestBody) release() {
	b.held, b.released = false, true
	b.altered = b.altered || b.exchange.input.Changed()
	b.ready = append(b.ready, b.exchange.input.Take()...)
}

// bodySnapshot copies a buffer before a plugin that may fail open sees it.
func (x *exchange) bodySnapshot(body *proxywasm.Body) []byte {
	if !x.filter.plugin.FailOpen() {
		return nil
	}
	return append([]byte(nil), body.Bytes()...)
}
