package httpfilter

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/filterstate"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/pluginwatch"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// phase says which maps and buffers a guest may see. The request and the response move independently.
type phase uint8

const (
	phaseIdle phase = iota // no callback of this direction: nothing of it may be touched
	phaseHeaders
	phaseBody
	phaseBodyEnd // the last body callback: trailers may be added
	phaseTrailers
)

func bodyPhase(last bool) phase {
	if last {
		return phaseBodyEnd
	}
	return phaseBody
}

// exchange is one request and its response as one plugin sees them.
type exchange struct {
	filter  *Filter
	request *http.Request
	stream  *plugin.Stream
	record  *pluginwatch.Record // nil: nobody looks
	began   time.Time

	// Under the instance's lock, see Enter.
	requestPhase, responsePhase phase
	logging                     bool // the stream ends: everything is there to read

	lastRequestBody, lastResponseBody bool // the next body callback of the direction is the last one

	skipping atomic.Bool // the plugin failed open: no more callbacks

	requestMap  requestHeaders
	later       laterHeaders
	forwarded   atomic.Bool // the request's head belongs to the next handler now
	hasBody     bool        // of the request, as it came: what a guest writes to content-length does not change it
	grpc        bool        // likewise
	length      int64       // of the request's body, likewise; below zero when it is not declared
	headersHeld bool        // a header callback paused, but wants to see the body
	input       proxywasm.Body
	bodyReader  *requestBody
	response    responseWriter
	about       About
	received    receivedBody
	errorStatus int         // what the embedder makes of the error that ended the exchange; 0 without
	errorShown  bool        // its head went through the plugin
	entered     atomic.Bool // the callbacks have begun, and the other handlers may

	mu      sync.Mutex
	ended   bool
	details string                // why the response is what it is
	outcome error                 // why the request's body stopped
	reply   *proxywasm.LocalReply // what the plugin answers
}

func newExchange(f *Filter, w http.ResponseWriter, r *http.Request) *exchange {
	settleBody(r)
	x := &exchange{filter: f, request: r, length: r.ContentLength, began: time.Now(), about: f.aboutRequest(r)}
	x.requestMap.request = r
	x.hasBody = r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 && !isTunnel(r)
	x.grpc = isGRPC(r)
	if x.hasBody && r.ContentLength < 0 {
		x.received.ReadCloser = r.Body
		r.Body = &x.received
	}
	x.response.wrap(x, w)
	return x
}

// settleBody finds out whether an HTTP/3 request without a declared length has a body: the server gives every one of them a
// reader. Methods that usually have none are asked for a byte, for which nobody has to wait; a body that is there is kept.
func settleBody(r *http.Request) {
	if r.ProtoMajor != 3 || r.ContentLength >= 0 || r.Body == nil || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		return
	}
	first := make([]byte, 1)
	n, err := io.ReadFull(r.Body, first)
	if n == 0 && errors.Is(err, io.EOF) && len(r.Trailer) == 0 {
		r.Body, r.ContentLength = http.NoBody, 0
		return
	}
	r.Body = &resumed{io.MultiReader(bytes.NewReader(first[:n]), r.Body), r.Body}
}

// resumed is a body whose beginning was read before.
type resumed struct {
	io.Reader
	io.Closer
}

// active reports whether callbacks are still made.
func (x *exchange) active() bool { return !x.skipping.Load() }

// finish ends the stream: on_log, on_done, on_delete.
func (x *exchange) finish() {
	x.mu.Lock()
	x.ended = true
	x.mu.Unlock()
	if x.bodyReader != nil {
		x.bodyReader.abandon()
	}
	x.stream.Finish()
	x.record.End()
}

// stop records why the request's body cannot go on; the first reason counts.
func (x *exchange) stop(err error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.outcome == nil {
		x.outcome = err
	}
	return err
}

func (x *exchange) stopped() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.outcome
}

// isEnded reports whether the next handler gets no more of the request's body: nobody waits for its answer.
func (x *exchange) isEnded() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ended || x.reply != nil
}

// outcomeOf turns a verdict into an error, or nil when the stream goes on. The failure of a plugin that fails open is
// no error: the exchange goes on without it.
func (x *exchange) outcomeOf(v proxywasm.Verdict) error {
	switch {
	case v.Err != nil && x.filter.plugin.FailOpen():
		if !x.skipping.Swap(true) {
			x.judge(filterstate.Skipped, 0)
		}
		return nil
	case v.Err != nil:
		x.judge(filterstate.Failed, 0)
		return x.filter.failed(v.Err)
	case v.Reply != nil:
		x.mu.Lock()
		x.reply, x.details = v.Reply, underscored(v.Reply.Details)
		x.mu.Unlock()
		x.about.State.Fail(filterstate.Failure{Details: underscored(v.Reply.Details)})
		x.judge(filterstate.Answered, v.Reply.Status)
		return errLocalReply
	case v.Closed:
		x.mu.Lock()
		x.details = "wasm_close_stream"
		x.mu.Unlock()
		x.judge(filterstate.Closed, 0)
		return errAborted
	}
	return nil
}

// judge tells the access log what became of the request here.
func (x *exchange) judge(o filterstate.Outcome, status int) {
	x.about.State.Judge(filterstate.Verdict{Plugin: x.filter.plugin.Name(), Outcome: o, Status: status})
}

// Enter implements proxywasm.Exchange.
func (x *exchange) Enter(c abi.Callback) {
	switch c {
	case abi.OnRequestHeaders:
		x.requestPhase = phaseHeaders
	case abi.OnRequestBody:
		x.requestPhase = bodyPhase(x.lastRequestBody)
	case abi.OnRequestTrailers:
		x.requestPhase = phaseTrailers
	case abi.OnResponseHeaders:
		x.responsePhase = phaseHeaders
	case abi.OnResponseBody:
		x.responsePhase = bodyPhase(x.lastResponseBody)
	case abi.OnResponseTrailers:
		x.responsePhase = phaseTrailers
	case abi.OnLog:
		x.logging = true
	}
}

// Leave implements proxywasm.Exchange.
func (x *exchange) Leave(dir abi.StreamType) {
	if dir == abi.StreamHTTPRequest {
		x.requestPhase = phaseIdle
		return
	}
	x.responsePhase = phaseIdle
}

// Headers implements proxywasm.Exchange.
func (x *exchange) Headers(t abi.MapType) (proxywasm.HeaderMap, bool) {
	request, response, logging := x.requestPhase, x.responsePhase, x.logging
	switch t {
	case abi.MapHTTPRequestHeaders:
		return x.requestHead()
	case abi.MapHTTPRequestTrailers:
		if request >= phaseBodyEnd {
			return &trailerMap{&x.request.Trailer}, true
		}
	case abi.MapHTTPResponseHeaders:
		return x.responseHead()
	case abi.MapHTTPResponseTrailers:
		if response >= phaseBodyEnd || (logging && x.response.trailers != nil) {
			return &trailerMap{&x.response.trailers}, response >= phaseBodyEnd
		}
	}
	return nil, false
}

// Body implements proxywasm.Exchange.
func (x *exchange) Body(t abi.BufferType) *proxywasm.Body {
	switch {
	case t == abi.BufferHTTPRequestBody && hasBody(x.requestPhase, &x.input):
		return &x.input
	case t == abi.BufferHTTPResponseBody && hasBody(x.responsePhase, &x.response.output):
		return &x.response.output
	}
	return nil
}

// hasBody: before trailers no body callback says that the body has ended, so what is held can still be rewritten in theirs.
func hasBody(p phase, body *proxywasm.Body) bool {
	return p == phaseBody || p == phaseBodyEnd || p == phaseTrailers && body.Len() > 0
}

// Interface guards
var (
	_ proxywasm.Exchange  = (*exchange)(nil)
	_ proxywasm.HeaderMap = (*requestHeaders)(nil)
	_ proxywasm.HeaderMap = (*responseHeaders)(nil)
	_ proxywasm.HeaderMap = (*trailerMap)(nil)
)
