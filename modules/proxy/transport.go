package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/upstream"
)

// transport sends requests through the Call that their context carries.
type transport struct{}

// RoundTrip implements http.RoundTripper.
func (transport) RoundTrip(req *http.Request) (*http.Response, error) {
	p := passOf(req.Context())
	if p == nil {
		return nil, errors.New("the request did not come through loom_proxy")
	}
	p.sendBody(req)
	p.begins()
	res, err := p.call.RoundTrip(req)
	tellEndpoint(req, p.call.Endpoint())
	p.tellRetries(req)
	p.tellPlugins(res)
	if err != nil && p.tooLate(req) {
		return deadlineExceeded(req), nil
	}
	if errors.Is(err, upstream.ErrOverloaded) && isGRPC(req.Header) {
		_ = p.tellFailure(err)
		return overloaded(req), nil
	}
	if err != nil {
		return nil, p.tellFailure(p.withStatus(err))
	}
	makeRoom(res, req)
	p.letGo(res)
	if mayLast(res) {
		p.lift(res)
	}
	return res, nil
}

// tellEndpoint corrects Caddy's placeholders, which speak of the whole group, for access logs.
func tellEndpoint(req *http.Request, e *upstream.Endpoint) {
	repl, ok := req.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok || e == nil {
		return
	}
	address := e.Address()
	repl.Set("http.reverse_proxy.upstream.address", e.Name())
	repl.Set("http.reverse_proxy.upstream.hostport", address.Dial)
	repl.Set("http.reverse_proxy.upstream.host", address.Host)
	repl.Set("http.reverse_proxy.upstream.port", address.Port)
}

// retryAfter is when a client should ask again that met full queues, in seconds.
const retryAfter = "1"

// withStatus gives the error the status that the client will see. A request that the client gave up stays as it is:
// Caddy knows it by context.Canceled.
func (p *pass) withStatus(err error) error {
	if p.timedOut() { // not wrapped: what wraps context.Canceled would pass for a client that went away
		return caddyhttp.Error(http.StatusGatewayTimeout, fmt.Errorf("timeout of %s is over: %s", p.limit, err.Error()))
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, upstream.ErrOverloaded) {
		p.writer.Header().Set("Retry-After", retryAfter)
		return caddyhttp.Error(http.StatusServiceUnavailable, err)
	}
	if errors.Is(err, upstream.ErrNoEndpoint) {
		return caddyhttp.Error(http.StatusServiceUnavailable, err)
	}
	slow, ok := errors.AsType[net.Error](err)
	timeout := ok && slow.Timeout()
	switch {
	case upstream.IsRequestError(err):
		return caddyhttp.Error(statusOfRequest(err, timeout), err)
	case timeout:
		return caddyhttp.Error(http.StatusGatewayTimeout, err)
	}
	return caddyhttp.Error(http.StatusBadGateway, err)
}

// statusOfRequest is for a request that is at fault.
func statusOfRequest(err error, timeout bool) int {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return http.StatusRequestEntityTooLarge
	}
	if timeout {
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}

// Interface guard
var _ http.RoundTripper = transport{}
