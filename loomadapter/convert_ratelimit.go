package loomadapter

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/middleware/ratelimit"
)

const (
	rateLimitHandler = "loom_rate_limit"

	// gatewayLimiter is the name of the limiter that routes without one of their own share.
	gatewayLimiter = "gateway"
)

// handler is the module's config. name is what it counts under unless it says so itself.
func (l *RateLimit) handler(name string) *ratelimit.Handler {
	if l.Name != "" {
		name = l.Name
	}
	h := &ratelimit.Handler{
		Name: name, Key: l.Key, IPv6Prefix: l.IPv6Prefix, OnMissingKey: l.OnMissingKey, MaxKeys: l.MaxKeys, Redis: l.Redis,
		OnStoreError: l.OnStoreError, Headers: l.Headers, Enforce: l.Enforce,
	}
	for _, one := range l.limits() {
		h.Limits = append(h.Limits, ratelimit.Limit{Rate: one.Rate, Per: caddy.Duration(one.Per), Burst: one.Burst})
	}
	return h
}

// limits are a section's, however they are written.
func (l *RateLimit) limits() []Limit {
	if len(l.Limits) > 0 {
		return l.Limits
	}
	return []Limit{{Pos: l.Pos, Rate: l.Rate, Per: l.Per, Burst: l.Burst}}
}

func (l *RateLimit) setting(name string) *setting {
	if l == nil {
		return nil
	}
	return newSetting(l.Pos, l.Enabled, l.handler(name))
}

// rateLimit is the setting of a route's middleware: off when the route counts behind its plugins.
func (r *Route) rateLimit() *setting {
	s := r.RateLimit.setting(r.ID)
	if s != nil && r.countsBehindPlugins() {
		s.on = false
	}
	return s
}

// countsBehindPlugins reports whether a route's limiter needs what its plugins have checked or set.
func (r *Route) countsBehindPlugins() bool {
	l := r.RateLimit
	return l != nil && isOn(l.Enabled) && (l.AfterPlugins || l.handler(r.ID).CountsClaims())
}

// redis are the servers by name.
func (c *converter) redis() map[string]*gateway.Redis {
	if len(c.doc.Redis) == 0 {
		return nil
	}
	servers := map[string]*gateway.Redis{}
	for i := range c.doc.Redis {
		r := &c.doc.Redis[i]
		servers[r.Name] = &gateway.Redis{
			Address: r.Address, Username: r.Username, Password: r.Password, DB: r.DB, TLS: convertTLS(r.TLS), Prefix: r.Prefix,
			Timeout: caddy.Duration(r.Timeout), RetryInterval: caddy.Duration(r.RetryInterval), PoolSize: r.PoolSize,
		}
	}
	return servers
}
