package proxywasm

import (
	"errors"
	"fmt"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// What the calls of all kinds (HTTP, gRPC, Redis) have in common: one space of tokens, limits, and the answer that comes
// back on the issuing instance, never before the callback that made the call has returned.

// calls are those of one instance that are under way, under its lock.
type calls struct {
	open      map[uint32]*openCall
	lastToken uint32
	answering *openCall // whose callback runs
	answer    answer    // what that callback may read
	bytes     int       // that the open ones send
}

type openCall struct {
	token  uint32
	plugin *PluginContext
	stream *Stream // that made the call; nil for a plugin context
	cancel func()
	bytes  int        // that it sends
	grpc   GRPCStream // nil for everything but a gRPC stream
	// observed follows the call; nil: nobody does.
	observed ObservedCall
	kind     CallKind // set only for observed
}

// answer is what a callback about a call may read while it runs.
type answer struct {
	headers, trailers HeaderMap
	headersType       abi.MapType // trailers have the next one
	body              []byte
	bodyType          abi.BufferType
	code              uint32
	message           string
}

// headers finds the map of the answer; nil when the running callback has none of that type.
func (c *calls) headers(t abi.MapType) HeaderMap {
	switch {
	case c.answering == nil:
		return nil
	case t == c.answer.headersType:
		return c.answer.headers
	case t == c.answer.headersType+1:
		return c.answer.trailers
	}
	return nil
}

func (c *calls) body(t abi.BufferType) ([]byte, bool) {
	if c.answering == nil || c.answer.bodyType != t {
		return nil, false
	}
	return c.answer.body, true
}

func (c *calls) status() (uint32, string) {
	if c.answering == nil {
		return 0, ""
	}
	return c.answer.code, c.answer.message
}

// newCall makes a call of some size with a token that no open call has. It is open only after begin.
func (in *Instance) newCall(bytes int) (*openCall, error) {
	limits, s := in.module.options.Limits, in.callingStream()
	switch {
	case in.effective.plugin == nil:
		return nil, errors.New("no plugin context is there to receive the answer")
	case len(in.calls.open) >= limits.Calls, s != nil && s.calls >= limits.StreamCalls:
		return nil, fmt.Errorf("%w calls are under way", ErrTooMany)
	case s != nil && s.callsInAll >= limits.StreamCallsInAll:
		return nil, fmt.Errorf("%w calls were made for this request", ErrTooMany)
	case bytes > limits.CallBytes, in.calls.bytes+bytes > limits.CallsBytes:
		return nil, fmt.Errorf("%w: %d bytes to send, beside %d of other calls", errCallBytes, bytes, in.calls.bytes)
	}
	for {
		in.calls.lastToken++
		if _, used := in.calls.open[in.calls.lastToken]; !used && in.calls.lastToken != 0 {
			return &openCall{token: in.calls.lastToken, plugin: in.effective.plugin, stream: s, bytes: bytes}, nil
		}
	}
}

// callingStream is the stream that a call is made for: also a call that a stream's answer leads to is the stream's.
func (in *Instance) callingStream() *Stream {
	if s := in.effective.stream; s != nil || in.calls.answering == nil {
		return s
	}
	return in.calls.answering.stream
}

// begin opens a call, unless the caller refused it. A call cannot be answered earlier: the answer needs the lock.
func (in *Instance) begin(c *openCall, cancel func(), err error) error {
	if err != nil {
		c.ended("", err.Error())
		return err
	}
	c.cancel = cancel
	in.calls.open[c.token] = c
	in.calls.bytes += c.bytes
	if c.stream != nil {
		c.stream.calls++
		c.stream.callsInAll++
	}
	return nil
}

// deliver runs a callback about a call on behalf of its caller, unless the call has ended. last ends it.
func (in *Instance) deliver(c *openCall, last bool, fn *export, a answer, args ...uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.calls.open[c.token] != c {
		return
	}
	if last {
		delete(in.calls.open, c.token)
		c.endedWith(a)
	}
	in.calls.answering, in.calls.answer = c, a
	all := append([]uint64{uint64(c.plugin.id), uint64(c.token)}, args...)
	_, _ = in.call(fn, c.plugin.scope(), 0, all...)
	in.calls.answering, in.calls.answer = nil, answer{}
	if last {
		in.leave(c)
	}
}

// errCallBytes is a call that sends too much, alone or with the others.
var errCallBytes = errors.New("too large")

// leave takes a call that has ended off its stream.
func (in *Instance) leave(c *openCall) {
	in.calls.bytes -= c.bytes
	if c.stream == nil {
		return
	}
	c.stream.calls--
	if c.stream.calls == 0 && in.module.options.Profile.resumesAfterCalls() {
		c.stream.resumePaused()
	}
}

// resumesAfterCalls: Kong's and APISIX' hosts let a paused stream go on when its last call has been answered.
func (p Profile) resumesAfterCalls() bool { return p == ProfileKong || p == ProfileAPISIX }

// drop ends a call without a callback.
func (in *Instance) drop(c *openCall) {
	delete(in.calls.open, c.token)
	c.cancel()
	c.ended("", "canceled")
	in.leave(c)
}

// dropCalls ends the calls of a plugin context, or of all with nil.
func (in *Instance) dropCalls(pc *PluginContext) {
	for _, c := range in.calls.open {
		if pc == nil || c.plugin == pc {
			in.drop(c)
		}
	}
}

// refuseCall finds the status of a call that was not made; unknown is the one for an unknown upstream.
func (in *Instance) refuseCall(err error, unknown abi.Status) abi.Status {
	status, reason := abi.StatusInternalFailure, "the call was not made"
	if errors.Is(err, ErrDenied) {
		in.deny(DeniedUpstream)
	}
	switch {
	case errors.Is(err, ErrUnknownUpstream):
		status, reason = unknown, "the plugin may not call that"
	case errors.Is(err, ErrBadCall):
		status, reason = abi.StatusBadArgument, "the call cannot be sent as it is"
	case errors.Is(err, ErrTooMany):
		reason = "a limit of calls is reached"
		in.hit(LimitCalls)
	case errors.Is(err, errCallBytes):
		reason = "a limit of what calls send is reached"
		in.hit(LimitCallBody)
	}
	return in.refuseAbout(status, reason, []byte(err.Error()))
}
