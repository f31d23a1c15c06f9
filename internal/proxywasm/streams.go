package proxywasm

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// Section "Stream control". Effects are deferred: they are recorded here and applied when the callback has returned, so
// the guest is never entered twice.

func (in *Instance) continueStream(p params) abi.Status {
	t := abi.StreamType(p.u32(0))
	switch {
	case t > abi.StreamUpstream:
		return abi.StatusBadArgument
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

// closeStream aborts the exchange without an answer.
func (in *Instance) closeStream(p params) abi.Status {
	if abi.StreamType(p.u32(0)) > abi.StreamUpstream {
		return abi.StatusBadArgument
	}
	if s := in.effective.stream; s != nil && abi.StreamType(p.u32(0)) <= abi.StreamHTTPResponse {
		s.closed = true
		s.wakeUp()
	}
	return abi.StatusOK
}

// clearRouteCache has nothing to clear: the chain of handlers is fixed once a route matched.
func (in *Instance) clearRouteCache(params) abi.Status { return abi.StatusOK }

// sendLocalResponse records an answer; the first one wins. Every other case is OK and ignored, since Rust's SDK
// accepts no other status: a second answer, a root context, a stream that is done.
func (in *Instance) sendLocalResponse(p params) abi.Status {
	var details, body, headers []byte
	if status := in.inputs(p, 1, &details, &body, &headers); status != abi.StatusOK {
		return status
	}
	s := in.effective.stream
	if s == nil || s.replied || s.finished {
		return abi.StatusOK
	}
	pairs, err := abi.DecodePairs(headers)
	if err != nil {
		in.warnOnce("proxy_send_local_response was given a " + err.Error() + " as headers; they were left out")
	}
	code := int(p.u32(0))
	if code < 200 || code > 599 {
		in.warnOnce("proxy_send_local_response was given a status outside of 200 to 599; 500 was sent")
		code = 500
	}
	s.replied = true
	s.reply = &LocalReply{
		Status: code, Details: string(details), Headers: pairs, Body: append([]byte(nil), body...), GRPCStatus: p.i32(7),
	}
	s.wakeUp()
	return abi.StatusOK
}
