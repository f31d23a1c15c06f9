package proxywasm

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// Section "Local responses".

// The statuses that a plugin may answer with: final ones of three digits.
const (
	minReplyStatus = 200
	maxReplyStatus = 999
)

// sendLocalResponse records an answer; the first one wins. Every other case is OK and ignored, since Rust's SDK
// accepts no other status: a second answer, a root context, a stream that is done, a status that HTTP does not have.
func (in *Instance) sendLocalResponse(p params) abi.Status {
	var details, body, headers []byte
	if status := in.inputs(p, 1, &details, &body, &headers); status != abi.StatusOK {
		return status
	}
	s, profile := in.effective.stream, in.module.options.Profile
	switch {
	case p.u32(0) > maxReplyStatus && profile.refusesOddReplies():
		return in.refuse(abi.StatusBadArgument, "the status has more than three digits")
	case s == nil || s.finished:
		in.omit("there is no stream that could be answered; nothing was sent")
		return abi.StatusOK
	case s.replied:
		in.omit("the stream has been answered already; the first answer counts")
		return abi.StatusOK
	case !s.mayReply(profile):
		return in.refuse(abi.StatusBadArgument, "a plugin may answer from on_request_headers, on_request_body and on_response_headers only")
	}
	pairs, err := abi.DecodePairs(headers)
	if err != nil {
		in.omit("proxy_send_local_response was given a " + err.Error() + " as headers; they were left out")
	}
	code := p.u32(0)
	if code < minReplyStatus || code > maxReplyStatus {
		in.omit("the status is not one of 200 to 999; 500 was sent instead")
		code = 500
	}
	s.replied = true
	s.reply = &LocalReply{
		Status: int(code), Details: string(details), Headers: pairs, GRPCStatus: p.i32(7),
		Body: append(append([]byte(nil), body...), profile.replyEnding(body)...),
	}
	s.wakeUp()
	return abi.StatusOK
}

// refusesOddReplies answers BAD_ARGUMENT to a status of more than three digits.
func (p Profile) refusesOddReplies() bool { return p == ProfileKong }

// replyEnding is what comes behind a body.
func (p Profile) replyEnding(body []byte) string {
	if p == ProfileKong && len(body) > 0 {
		return "\n"
	}
	return ""
}

// mayReply reports whether the host takes an answer from the callback that runs.
func (s *Stream) mayReply(p Profile) bool {
	if p != ProfileGoogle {
		return true
	}
	switch s.callback {
	case abi.OnRequestHeaders, abi.OnRequestBody, abi.OnResponseHeaders:
		return s.in.current.stream == s
	}
	return false
}

// HidesOwnReply leaves out the plugin's response callbacks for its own answers.
func (p Profile) HidesOwnReply() bool { return p == ProfileGoogle }
