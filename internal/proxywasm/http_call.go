package proxywasm

import (
	"slices"
	"strings"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "HTTP calls". The embedder's Caller sends the request; the answer comes back on the issuing instance, never
// before the callback that asked for it has returned.

// callouts are the calls of one instance, under its lock.
type callouts struct {
	open      map[uint32]*callout
	lastToken uint32
	answer    *HTTPCallResult // while its callback runs
}

type callout struct {
	plugin *PluginContext
	cancel func()
}

func (c *callouts) headers(t abi.MapType) HeaderMap {
	switch {
	case c.answer == nil:
		return nil
	case t == abi.MapHTTPCallResponseHeaders:
		return c.answer.Headers
	}
	return c.answer.Trailers
}

func (c *callouts) body() ([]byte, bool) {
	if c.answer == nil {
		return nil, false
	}
	return c.answer.Body, true
}

func (c *callouts) status() (uint32, string) {
	if c.answer == nil || c.answer.Failure == "" {
		return 0, ""
	}
	return uint32(abi.StatusBrokenConnection), c.answer.Failure
}

func (c *callouts) cancelOf(pc *PluginContext) {
	for token, call := range c.open {
		if pc == nil || call.plugin == pc {
			call.cancel()
			delete(c.open, token)
		}
	}
}

func (c *callouts) cancelAll() { c.cancelOf(nil) }

// httpCall writes the token whatever becomes of the call, as Envoy does.
func (in *Instance) httpCall(p params) abi.Status {
	var upstream, headers, body, trailers []byte
	if status := in.inputs(p, 0, &upstream, &headers, &body, &trailers); status != abi.StatusOK {
		return status
	}
	call, ok := newHTTPCall(upstream, headers, body, trailers)
	if !ok || in.effective.plugin == nil {
		return abi.StatusBadArgument
	}
	call.Timeout = time.Duration(p.u32(8)) * time.Millisecond
	in.callouts.lastToken = max(in.callouts.lastToken+1, 1)
	token := in.callouts.lastToken
	if status := in.putUint32(p.u32(9), token); status != abi.StatusOK {
		return status
	}
	out := &callout{plugin: in.effective.plugin}
	cancel, status := in.host.Calls.HTTP(call, func(r HTTPCallResult) { in.onHTTPCallResponse(token, out, r) })
	if status != abi.StatusOK {
		return status
	}
	out.cancel = cancel
	in.callouts.open[token] = out
	return abi.StatusOK
}

func newHTTPCall(upstream, headers, body, trailers []byte) (HTTPCall, bool) {
	pairs, err := abi.DecodePairs(headers)
	if err != nil {
		return HTTPCall{}, false
	}
	for _, required := range []string{":method", ":path", ":authority"} {
		if !slices.ContainsFunc(pairs, func(p abi.Pair) bool { return strings.EqualFold(p.Name, required) }) {
			return HTTPCall{}, false
		}
	}
	trailing, err := abi.DecodePairs(trailers)
	return HTTPCall{
		Upstream: string(upstream), Headers: pairs, Body: append([]byte(nil), body...), Trailers: trailing,
	}, err == nil
}

// onHTTPCallResponse is called by the embedder, on a goroutine of its own.
func (in *Instance) onHTTPCallResponse(token uint32, out *callout, r HTTPCallResult) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.callouts.open[token] != out {
		return // cancelled
	}
	delete(in.callouts.open, token)
	pairs, trailers := 0, 0
	if r.Headers != nil {
		pairs = r.Headers.Len()
	}
	if r.Trailers != nil {
		trailers = r.Trailers.Len()
	}
	in.callouts.answer = &r
	pc := out.plugin
	_, _ = in.call(in.exports.httpCallResponse, pc.scope(), 0,
		uint64(pc.id), uint64(token), uint64(pairs), uint64(len(r.Body)), uint64(trailers))
	in.callouts.answer = nil
}
