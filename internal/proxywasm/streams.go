package proxywasm

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// Section "Stream control". Effects are deferred: they are recorded here and applied when the callback has returned, so
// the guest is never entered twice.

func (in *Instance) continueStream(p params) abi.Status {
	t := abi.StreamType(p.u32(0))
	switch {
	case t > abi.StreamUpstream:
		return in.refuse(abi.StatusBadArgument, "there is no such stream type")
	case t <= abi.StreamHTTPResponse:
		in.resumeEffective(t)
	}
	return abi.StatusOK // there is no TCP stream that could be continued
}

func (in *Instance) continueRequest(params) abi.Status {
	in.resumeEffective(abi.StreamHTTPRequest)
	return abi.StatusOK
}

func (in *Instance) continueResponse(params) abi.Status {
	in.resumeEffective(abi.StreamHTTPResponse)
	return abi.StatusOK
}

// resumeEffective continues a direction that is paused, or whose callback runs and may yet pause it.
func (in *Instance) resumeEffective(t abi.StreamType) {
	s := in.effective.stream
	if s == nil || (!s.running[t] && !s.paused[t]) {
		return
	}
	s.resume[t] = true
	s.wakeUp()
}

// resumePaused continues whatever the guest has paused.
func (s *Stream) resumePaused() {
	for dir, paused := range s.paused {
		s.resume[dir] = s.resume[dir] || paused
	}
	s.wakeUp()
}

// closeStream aborts the exchange without an answer.
func (in *Instance) closeStream(p params) abi.Status {
	if abi.StreamType(p.u32(0)) > abi.StreamUpstream {
		return in.refuse(abi.StatusBadArgument, "there is no such stream type")
	}
	if s := in.effective.stream; s != nil && abi.StreamType(p.u32(0)) <= abi.StreamHTTPResponse {
		s.closed = true
		s.wakeUp()
	}
	return abi.StatusOK
}

// clearRouteCache has nothing to clear: the chain of handlers is fixed once a route matched.
func (in *Instance) clearRouteCache(params) abi.Status { return abi.StatusOK }

// deliversBodiesOfPausedHeaders makes a pause of a header callback hold the headers and not the body callbacks.
func (m *Module) deliversBodiesOfPausedHeaders() bool {
	return m.options.AllowOnHeadersStopIteration || m.info.ABIVersion == "0.2.100" || m.options.Profile == ProfileHigress
}

// ignoresPause takes every answer of a callback for Continue. calls are those that the stream waits for.
func (p Profile) ignoresPause(c abi.Callback, calls int) bool {
	switch c {
	case abi.OnRequestHeaders:
		return p == ProfileAPISIX && calls == 0
	case abi.OnResponseHeaders:
		return p == ProfileKong || p == ProfileAPISIX
	case abi.OnResponseBody:
		return p == ProfileAPISIX
	}
	return false
}

// headerCount is the number of pairs that a header callback is told.
func (p Profile) headerCount(n int) int {
	if p == ProfileAPISIX {
		return 0
	}
	return n
}

// headersEndStream is what a header callback is told about a body that follows.
func (p Profile) headersEndStream(eos bool) bool {
	switch p {
	case ProfileKong:
		return false
	case ProfileAPISIX:
		return true
	}
	return eos
}
