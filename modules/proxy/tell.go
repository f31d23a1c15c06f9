package proxy

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/filterstate"
	"github.com/loom-gateway/loom/internal/upstream"
)

// What the plugins in front of the proxy may ask about the upstream. Without plugins nothing of it is done.

func (p *pass) begins() {
	p.sent = time.Now()
	if p.state != nil {
		p.call.Prefer(p.state.Host())
	}
}

// tellPlugins says where the request went. res is nil when it failed.
func (p *pass) tellPlugins(res *http.Response) {
	endpoint := p.call.Endpoint()
	if p.state == nil || endpoint == nil {
		return
	}
	u := filterstate.Upstream{
		Cluster: p.call.Upstream(), Address: endpoint.Address().Dial, Endpoints: p.call.Endpoints(), Attempts: p.call.Attempts(),
	}
	if res != nil {
		u.TLS = res.TLS
	}
	p.state.SetUpstream(u)
}

// tellLatency runs when the response is complete, or has failed.
func (p *pass) tellLatency() {
	if p.state == nil || p.sent.IsZero() {
		return
	}
	if u, ok := p.state.Upstream(); ok {
		u.Latency = time.Since(p.sent)
		p.state.SetUpstream(u)
	}
}

// tellFailure says why there is no response, in Envoy's words, and returns err.
func (p *pass) tellFailure(err error) error {
	if p.state == nil {
		return err
	}
	failure := filterstate.Failure{
		Flags: filterstate.UpstreamConnectionTermination, Details: "upstream_reset_before_response_started{connection_termination}",
	}
	status := caddyhttp.HandlerError{}
	switch errors.As(err, &status); {
	case errors.Is(err, upstream.ErrNoEndpoint):
		failure = filterstate.Failure{Flags: filterstate.NoHealthyUpstream, Details: "no_healthy_upstream"}
	case errors.Is(err, upstream.ErrOverloaded):
		failure = filterstate.Failure{Flags: filterstate.UpstreamOverflow, Details: "upstream_reset_before_response_started{overflow}"}
	case upstream.IsDialError(err):
		failure = filterstate.Failure{
			Flags: filterstate.UpstreamConnectionFailure, Details: "upstream_reset_before_response_started{remote_connection_failure}",
		}
	case status.StatusCode == http.StatusGatewayTimeout:
		failure = filterstate.Failure{Flags: filterstate.UpstreamRequestTimeout, Details: "upstream_response_timeout"}
	case status.StatusCode == 0, upstream.IsRequestError(err): // the client has given up, or has sent what is no request
		return err
	}
	p.state.Fail(failure)
	return err
}
