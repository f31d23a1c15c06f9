package proxywasm

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Observer is told what guest code does for one stream. An Exchange that is one is told; for the others nothing is
// measured. Its methods are called under the instance's lock and must not block; those about calls may come after the
// end of the stream.
type Observer interface {
	// Ran is told of each callback that has returned: those of the stream, and those about a call that it has made. err
	// is the death of the instance.
	Ran(p Phase, took time.Duration, hostcalls uint64, err error)
	// Settled is told what follows from callback c of the stream: once, or again when a pause has ended.
	Settled(c abi.Callback, v Verdict)
	// Calling is told of a call that the guest makes. Nil: nobody wants to know more.
	Calling(kind CallKind, upstream string) ObservedCall
}

// CallKind is the protocol of a call.
type CallKind string

// The kinds of calls.
const (
	KindHTTP  CallKind = "http"
	KindGRPC  CallKind = "grpc"
	KindRedis CallKind = "redis"
)

// ObservedCall is a call that an observer follows.
type ObservedCall interface {
	// Headers are those that the call carries besides the guest's own. One that the guest has set itself stays as it is.
	Headers() []abi.Pair
	// Ended comes once. failure is empty for a call that was answered; status is that of the HTTP response or of gRPC,
	// empty where there is none.
	Ended(status, failure string)
}

// observer is who is told of a callback in a context, or nil.
func (in *Instance) observer(at scope) Observer {
	s := at.stream
	if s == nil && in.calls.answering != nil {
		s = in.calls.answering.stream
	}
	if s == nil {
		return nil
	}
	return s.observer
}

// observe shows a call to its stream's observer, and returns the headers that it is sent with.
func (c *openCall) observe(kind CallKind, upstream string, headers []abi.Pair) []abi.Pair {
	if c.stream == nil || c.stream.observer == nil {
		return headers
	}
	c.kind = kind
	if c.observed = c.stream.observer.Calling(kind, upstream); c.observed == nil {
		return headers
	}
	for _, added := range c.observed.Headers() {
		if !slices.ContainsFunc(headers, func(p abi.Pair) bool { return strings.EqualFold(p.Name, added.Name) }) {
			headers = append(headers, added)
		}
	}
	return headers
}

// ended tells the observer, who may be nil, how a call has ended.
func (c *openCall) ended(status, failure string) {
	if c.observed != nil {
		c.observed.Ended(status, failure)
		c.observed = nil
	}
}

// endedWith is ended for a call that was answered.
func (c *openCall) endedWith(a answer) {
	if c.observed == nil {
		return
	}
	status, failure := "", a.message
	switch {
	case c.kind == KindHTTP && a.headers != nil:
		status, _ = a.headers.Get([]byte(":status"))
	case c.kind == KindGRPC:
		status = strconv.Itoa(int(a.code))
		if a.code != 0 {
			failure = cmp.Or(failure, "gRPC status "+status)
		}
	}
	c.ended(status, failure)
}
