package proxywasm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "HTTP calls".

// httpCall writes the token whatever becomes of the call, as Envoy does.
func (in *Instance) httpCall(p params) abi.Status {
	var upstream, headers, body, trailers []byte
	if status := in.inputs(p, 0, &upstream, &headers, &body, &trailers); status != abi.StatusOK {
		return status
	}
	call, err := newHTTPCall(upstream, headers, body, trailers)
	call.Timeout = time.Duration(p.u32(8)) * time.Millisecond
	if err == nil {
		var status abi.Status
		if status, err = in.sendHTTPCall(call, p.u32(9)); status != abi.StatusOK {
			return status
		}
	}
	if err != nil {
		return in.refuseCall(err, abi.StatusBadArgument)
	}
	return abi.StatusOK
}

func (in *Instance) sendHTTPCall(call HTTPCall, outToken uint32) (abi.Status, error) {
	c, err := in.newCall(call.bytes())
	if err != nil {
		return abi.StatusOK, err
	}
	if status := in.putUint32(outToken, c.token); status != abi.StatusOK {
		return status, nil
	}
	call.Headers = c.observe(KindHTTP, call.Upstream, call.Headers)
	cancel, err := in.host.HTTP.CallHTTP(call, func(r HTTPCallResult) { in.onHTTPCallResponse(c, r) })
	return abi.StatusOK, in.begin(c, cancel, err)
}

// bytes is what the call sends, roughly.
func (c HTTPCall) bytes() int {
	return len(c.Body) + abi.PairsSize(c.Headers) + abi.PairsSize(c.Trailers)
}

func newHTTPCall(upstream, headers, body, trailers []byte) (HTTPCall, error) {
	pairs, err := abi.DecodePairs(headers)
	if err != nil {
		return HTTPCall{}, fmt.Errorf("%w: its headers are a %w", ErrBadCall, err)
	}
	for _, required := range []string{":method", ":path", ":authority"} {
		if !slices.ContainsFunc(pairs, func(p abi.Pair) bool { return strings.EqualFold(p.Name, required) && p.Value != "" }) {
			return HTTPCall{}, fmt.Errorf("%w: it has no %s", ErrBadCall, required)
		}
	}
	trailing, err := abi.DecodePairs(trailers)
	if err != nil {
		return HTTPCall{}, fmt.Errorf("%w: its trailers are a %w", ErrBadCall, err)
	}
	return HTTPCall{
		Upstream: string(upstream), Headers: pairs, Body: append([]byte(nil), body...), Trailers: trailing,
	}, nil
}

// onHTTPCallResponse is called by the caller, on a goroutine of its own.
func (in *Instance) onHTTPCallResponse(c *openCall, r HTTPCallResult) {
	if r.Failure != "" && in.module.options.Profile.failsEmpty() {
		r.Headers, r.Body = nil, nil
	}
	a := answer{
		headersType: abi.MapHTTPCallResponseHeaders, bodyType: abi.BufferHTTPCallResponseBody, body: r.Body,
		headers: readOnlyMap{r.Headers, r.Dispatch}, trailers: readOnlyMap{r.Trailers, r.Dispatch},
	}
	if r.Failure != "" {
		a.code, a.message = uint32(abi.StatusBrokenConnection), r.Failure
	}
	in.deliver(c, true, in.exports.httpCallResponse, a, uint64(len(r.Headers)), uint64(len(r.Body)), uint64(len(r.Trailers)))
}

// failsEmpty: Kong's and APISIX' hosts answer a failed call with nothing, where Envoy makes up a response.
func (p Profile) failsEmpty() bool { return p == ProfileKong || p == ProfileAPISIX }
