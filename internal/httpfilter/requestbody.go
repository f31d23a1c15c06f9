package httpfilter

import (
	"errors"
	"io"
	"maps"
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
	missing  int64  // bytes of the declared length that are still to come; below zero when none was declared
	ready    []byte // released by the plugin; may be a part of chunk
	altered  bool   // the body has another length than the one that was declared
	fixed    bool   // the head went on with a Content-Length
	released bool   // the plugin has let something through, if only nothing
	held     bool   // the plugin waits for more
	eof      bool
	err      error
	closed   atomic.Bool // by the next handler: it wants no more
	pending  atomic.Pointer[pendingRead]
}

// newRequestBody reads no more at a time than the client has declared.
func newRequestBody(x *exchange) *requestBody {
	size := int64(chunkSize)
	if x.length > 0 {
		size = min(size, x.length)
	}
	return &requestBody{exchange: x, source: x.request.Body, chunk: make([]byte, size), missing: x.length, held: x.headersHeld}
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	for len(b.ready) == 0 {
		switch {
		case b.err != nil:
			return 0, b.err
		case b.eof:
			return 0, io.EOF
		case b.closed.Load():
			return 0, http.ErrBodyReadAfterClose
		case b.exchange.isEnded():
			return 0, errEnded
		case !b.exchange.active() && b.pending.Load() == nil:
			return b.source.Read(p)
		}
		b.err = b.pull()
	}
	n := copy(p, b.ready)
	b.ready = b.ready[n:]
	return n, nil
}

// Close implements io.Closer. The server closes its own body when the exchange has ended; closed here it would first wait
// for what the client has not sent yet, and an answer with it.
func (b *requestBody) Close() error {
	b.closed.Store(true)
	return nil
}

// readChunk reads from the client. Where a length was declared the end comes with its last byte, as in HTTP/1.1: a plugin
// that continues can still add trailers before the head has gone on.
func (b *requestBody) readChunk() (int, error) {
	n, err := b.source.Read(b.chunk)
	if b.missing > 0 {
		b.missing -= int64(n)
	}
	if b.missing == 0 && n > 0 && err == nil {
		_, err = b.source.Read(make([]byte, 1))
	}
	return n, err
}

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

// pull reads a chunk and shows it to the plugin. Everything that was let through before must have been read.
func (b *requestBody) pull() error {
	n, err := b.read()
	if errors.Is(err, errReleased) {
		return nil
	}
	b.eof = errors.Is(err, io.EOF)
	if err != nil && !b.eof && b.closed.Load() && !isOutcome(err) {
		return err // a proxy whose backend has answered early closes the body while it reads
	}
	if err != nil && !b.eof {
		return b.exchange.stop(b.exchange.clientError(err))
	}
	if n == 0 && !b.eof {
		return nil
	}
	if !b.exchange.active() {
		b.ready = b.chunk[:n]
		return nil
	}
	b.exchange.input.Append(b.chunk[:n])
	return b.show()
}

func (x *exchange) clientError(err error) error {
	switch tooLarge := (*http.MaxBytesError)(nil); {
	case errors.As(err, &tooLarge) || isOutcome(err):
		return err // Caddy answers 413; the plugin has its own answer
	case x.request.Context().Err() != nil:
		return &Error{Status: statusClientGone, Reason: "the client went away while its request body was read", Err: err}
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
	} else if err := b.release(); err != nil {
		return x.stop(err)
	}
	if !trailers {
		return nil
	}
	if err := b.trailers(); err != nil {
		return x.stop(err)
	}
	if err := b.release(); err != nil {
		return x.stop(err)
	}
	return nil
}

func (b *requestBody) data(eos bool) error {
	x := b.exchange
	before, trailers := x.bodySnapshot(&x.input), copyTrailers(x.request.Trailer)
	x.lastRequestBody = eos
	v := x.stream.RequestBody(x.input.Len(), eos)
	if err := x.outcomeOf(v); err != nil {
		return err
	}
	if !x.active() {
		x.input.Restore(before)
		x.restoreTrailers(trailers)
		return b.release()
	}
	return b.settle(v, eos)
}

// settle does what a body callback's action means.
func (b *requestBody) settle(v proxywasm.Verdict, eos bool) error {
	x := b.exchange
	if !v.Paused() {
		x.input.Thaw()
		return b.release()
	}
	x.stream.Leave(abi.StreamHTTPRequest)
	full := x.hold(&x.input, v.Action)
	b.altered = b.altered || v.Action == abi.DataStopIterationNoBuffer
	if full && v.Action == abi.ActionPause {
		return &Error{Status: http.StatusRequestEntityTooLarge, Reason: x.overLimit("request", &x.input)}
	}
	if !eos && !full {
		b.held = true
		return nil
	}
	if err := x.wait(abi.OnRequestBody); err != nil {
		return err
	}
	return b.release()
}

func (b *requestBody) trailers() error {
	x := b.exchange
	before := copyTrailers(x.request.Trailer)
	v := x.stream.RequestTrailers(count(x.request.Trailer))
	err := x.outcomeOf(v)
	if err == nil && v.Paused() {
		err = x.wait(abi.OnRequestTrailers)
	}
	if !x.active() {
		x.restoreTrailers(before)
	}
	return err
}

// copyTrailers keeps what there is of trailers, which is mostly nothing.
func copyTrailers(h http.Header) http.Header {
	if len(h) == 0 {
		return nil
	}
	return h.Clone()
}

// restoreTrailers takes back what a plugin that has failed did to the trailers, in the map that the next handler has.
func (x *exchange) restoreTrailers(before http.Header) {
	clear(x.request.Trailer)
	maps.Copy(x.request.Trailer, before)
}

// release lets the buffer through.
func (b *requestBody) release() error {
	input := &b.exchange.input
	b.held, b.released = false, true
	b.altered = b.altered || input.Resized()
	if b.altered && b.fixed {
		return &Error{Status: http.StatusBadGateway, Reason: "plugin " + b.exchange.filter.plugin.Name(), Err: errLength}
	}
	if len(b.ready) == 0 {
		b.ready = input.Take()
	} else {
		b.ready = append(b.ready, input.Take()...)
	}
	return nil
}

// bodySnapshot remembers a buffer before a plugin that may fail open sees it.
func (x *exchange) bodySnapshot(body *proxywasm.Body) []byte {
	if !x.filter.plugin.FailOpen() {
		return nil
	}
	return body.Snapshot()
}
