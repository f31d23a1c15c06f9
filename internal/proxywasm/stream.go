package proxywasm

import (
	"errors"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Stream is one HTTP exchange in a plugin: the specification's stream context. It stays on its instance for life.
// Its callbacks may come from two goroutines, one for the request and one for the response.
type Stream struct {
	in     *Instance
	plugin *PluginContext
	ex     Exchange
	id     uint32
	// observer is told what the guest does; nil: nobody wants to know.
	observer Observer

	// Under the instance's lock; the arrays are indexed by abi.StreamType, request and response.
	running    [2]bool // a callback of the direction runs
	callback   abi.Callback
	paused     [2]bool // the last callback of the direction paused it
	resume     [2]bool // the guest continued it
	reply      *LocalReply
	replied    bool
	closed     bool
	finished   bool
	injected   *Injection
	callsInAll int              // that it has made
	calls      int              // that the stream has made and that are not answered
	wake       [2]chan struct{} // closed when waiters should look again; nil while nobody waits
}

// Verdict is what the gateway must do after a callback.
type Verdict struct {
	// Action is Continue or a pause, with the meaning that it has for the callback; already Continue when the guest
	// both paused and continued.
	Action abi.Action
	// Reply is the guest's own answer, instead of the upstream's.
	Reply *LocalReply
	// Closed asks to abort the exchange without an answer.
	Closed bool
	// Injected is to be sent to the client now, whatever the action is.
	Injected *Injection
	// Err is the death of the instance, or the end of Wait's context.
	Err error
}

// Paused reports whether the guest holds the direction. What the callback had open is open until Wait or Leave.
func (v Verdict) Paused() bool {
	return v.Action != abi.ActionContinue && v.Reply == nil && !v.Closed && v.Err == nil
}

// ErrNoStreams is an instance that has failed, or a plugin context that ends: the stream has not been in it.
var ErrNoStreams = errors.New("the instance takes no streams any more")

// NewStream creates the stream's context in the guest. The error is ErrNoStreams, or how the instance has failed by it.
func (pc *PluginContext) NewStream(ex Exchange) (*Stream, error) {
	in := pc.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if pc.closing || in.Err() != nil {
		return nil, ErrNoStreams
	}
	s := &Stream{in: in, plugin: pc, ex: ex, id: in.newID()}
	s.observer, _ = ex.(Observer)
	in.scopes[s.id] = s.scope()
	if _, err := in.call(in.exports.contextCreate, s.scope(), 0, uint64(s.id), uint64(pc.id)); err != nil {
		delete(in.scopes, s.id)
		return nil, err
	}
	return s, nil
}

func (s *Stream) scope() scope { return scope{id: s.id, plugin: s.plugin, stream: s} }

// RequestHeaders calls proxy_on_request_headers; pairs counts the pseudo headers too.
func (s *Stream) RequestHeaders(pairs int, endOfStream bool) Verdict {
	return s.run(abi.OnRequestHeaders, pairs, endOfStream)
}

// RequestBody calls proxy_on_request_body; size is what the buffer holds now.
func (s *Stream) RequestBody(size int, endOfStream bool) Verdict {
	return s.run(abi.OnRequestBody, size, endOfStream)
}

// RequestTrailers calls proxy_on_request_trailers.
func (s *Stream) RequestTrailers(pairs int) Verdict {
	return s.run(abi.OnRequestTrailers, pairs, true)
}

// ResponseHeaders calls proxy_on_response_headers; pairs counts :status too.
func (s *Stream) ResponseHeaders(pairs int, endOfStream bool) Verdict {
	return s.run(abi.OnResponseHeaders, pairs, endOfStream)
}

// ResponseBody calls proxy_on_response_body; size is what the buffer holds now.
func (s *Stream) ResponseBody(size int, endOfStream bool) Verdict {
	return s.run(abi.OnResponseBody, size, endOfStream)
}

// ResponseTrailers calls proxy_on_response_trailers.
func (s *Stream) ResponseTrailers(pairs int) Verdict {
	return s.run(abi.OnResponseTrailers, pairs, true)
}

func (s *Stream) run(c abi.Callback, size int, endOfStream bool) Verdict {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if s.finished {
		return Verdict{}
	}
	dir := c.Stream()
	s.ex.Enter(c)
	s.running[dir], s.callback = true, c
	v := s.invoke(c, size, endOfStream)
	if s.observer != nil {
		s.observer.Settled(c, v)
	}
	s.running[dir] = false
	if !v.Paused() {
		s.ex.Leave(dir)
	}
	return v
}

func (s *Stream) invoke(c abi.Callback, size int, endOfStream bool) Verdict {
	in, profile := s.in, s.in.module.options.Profile
	size = s.visiblePairs(c, size)
	if isHeaders(c) {
		size, endOfStream = profile.headerCount(size), profile.headersEndStream(endOfStream)
	}
	var eos uint64
	if endOfStream {
		eos = 1
	}
	args := [3]uint64{uint64(s.id), uint64(uint32(size)), eos}
	n := 3
	if c == abi.OnRequestTrailers || c == abi.OnResponseTrailers || (isHeaders(c) && in.module.info.ABIVersion == "0.1.0") {
		n = 2
	}
	action, err := in.call(in.exports.stream[c], s.scope(), 0, args[:n]...)
	if err != nil {
		return Verdict{Err: err}
	}
	return s.settle(c.Stream(), s.normalise(c, abi.Action(action)))
}

func isHeaders(c abi.Callback) bool { return c == abi.OnRequestHeaders || c == abi.OnResponseHeaders }

// normalise reads the guest's answer as Envoy does: a pause on headers stops everything unless body callbacks were
// asked for, and numbers that mean nothing become the nearest that does.
func (s *Stream) normalise(c abi.Callback, a abi.Action) abi.Action {
	m := s.in.module
	if m.options.Profile.ignoresPause(c, s.calls) {
		return abi.ActionContinue
	}
	switch c {
	case abi.OnRequestHeaders, abi.OnResponseHeaders:
		switch {
		case a == abi.HeadersContinueAndEndStream:
			return abi.ActionContinue
		case a == abi.ActionPause && m.deliversBodiesOfPausedHeaders():
			return abi.ActionPause
		case a != abi.ActionContinue && a != abi.HeadersStopAllIterationAndBuffer:
			return abi.HeadersStopAllIterationWatermark
		}
		return a
	case abi.OnRequestBody, abi.OnResponseBody:
		return min(a, abi.DataStopIterationNoBuffer)
	}
	return min(a, abi.ActionPause)
}

// settle joins the answer of a callback with what the guest asked for meanwhile: first the action is recorded, then
// the deferred effects apply, so a guest may continue within the callback that pauses.
func (s *Stream) settle(dir abi.StreamType, a abi.Action) Verdict {
	s.paused[dir] = a != abi.ActionContinue
	v, ok := s.effects(dir)
	if !ok {
		v.Action = a
	}
	return v
}

// effects takes what the guest has asked for in one direction. The lock must be held.
func (s *Stream) effects(dir abi.StreamType) (Verdict, bool) {
	v, ok := s.orders(dir)
	if dir == abi.StreamHTTPResponse && s.injected != nil {
		v.Injected, s.injected = s.injected, nil
	}
	return v, ok
}

// orders is effects without the bytes.
func (s *Stream) orders(dir abi.StreamType) (Verdict, bool) {
	resume := s.resume[dir]
	s.resume[dir] = false
	switch {
	case s.in.Err() != nil:
		return Verdict{Err: s.in.Err()}, true
	case s.closed:
		return Verdict{Action: abi.ActionPause, Closed: true}, true
	case s.reply != nil:
		reply := s.reply
		s.reply = nil
		s.paused[dir] = false
		return Verdict{Action: abi.ActionPause, Reply: reply}, true
	case resume && s.paused[dir]:
		s.paused[dir] = false
		return Verdict{Action: abi.ActionContinue}, true
	}
	return Verdict{}, false
}

// Finish ends the stream as Envoy does: proxy_on_log, proxy_on_done, proxy_on_delete, each once. After a
// death the guest is not called.
func (s *Stream) Finish() {
	in := s.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if s.finished {
		return
	}
	s.finished = true
	s.wakeUp()
	s.ex.Enter(abi.OnLog)
	id := uint64(s.id)
	if _, err := in.call(in.exports.stream[abi.OnLog], s.scope(), 0, id); err == nil {
		if _, err = in.call(in.exports.done, s.scope(), 1, id); err == nil {
			_, _ = in.call(in.exports.deleted, s.scope(), 0, id)
		}
	}
	delete(in.scopes, s.id)
	s.ex = nil
}
