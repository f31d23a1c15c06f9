package loomadapter

import (
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/proxy"
)

// proxy is the handler of a route to an upstream.
func (c *converter) proxy(r *Route) proxy.Handler {
	return proxy.Handler{
		Upstream: r.Upstream, Timeout: caddy.Duration(r.Timeout), StreamIdleTimeout: caddy.Duration(r.StreamIdleTimeout), Retries: c.routeRetries(r),
	}
}

// routeRetries is where a route differs from its upstream. A route's `true` is what the upstream says, if it says anything.
func (c *converter) routeRetries(r *Route) *gateway.Retries {
	own := r.Retries
	i := slices.IndexFunc(c.doc.Upstreams, func(u Upstream) bool { return u.Name == r.Upstream })
	byUpstream := i >= 0 && convertRetries(c.doc.Upstreams[i].Retries) != nil
	switch {
	case own == nil || isOn(own.Enabled) && own.Pos.keys == nil && byUpstream:
		return nil
	case isOn(own.Enabled):
		return convertRetries(own)
	case byUpstream:
		return &gateway.Retries{Disabled: true}
	}
	return nil
}

// convertRetries is nil for those that are switched off.
func convertRetries(r *Retries) *gateway.Retries {
	if r == nil || !isOn(r.Enabled) {
		return nil
	}
	out := &gateway.Retries{
		Attempts: r.Attempts, On: r.On, PerTryTimeout: caddy.Duration(r.PerTryTimeout), Methods: r.Methods, BodyLimit: int64(r.BodyLimit),
	}
	if b := r.Backoff; b != nil {
		out.Backoff = &gateway.Backoff{Base: caddy.Duration(b.Base), Max: caddy.Duration(b.Max)}
	}
	return out
}

func convertRetryBudget(b *RetryBudget) *gateway.RetryBudget {
	if b == nil {
		return nil
	}
	return &gateway.RetryBudget{Percent: b.Percent, Window: caddy.Duration(b.Window), MinPerSecond: b.MinPerSecond}
}
