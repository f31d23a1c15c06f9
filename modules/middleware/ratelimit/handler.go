// Package ratelimit is http.handlers.loom_rate_limit: how many requests a client may make.
package ratelimit

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/ratelimit"
	"github.com/loom-gateway/loom/modules/gateway"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_rate_limit", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the counters. It opens no connection.
func (h *Handler) Provision(ctx caddy.Context) error {
	loom, err := ctx.App("loom")
	if err != nil {
		return fmt.Errorf("finding the loom app: %w", err)
	}
	h.app, h.log = loom.(*gateway.App), ctx.Logger()
	h.routes, h.refusals = new(sync.Map), new(refusals)
	h.enforced = h.Enforce == nil || *h.Enforce
	if err := h.Check(); err != nil {
		return err
	}
	rules, err := h.rules()
	if err != nil {
		return err
	}
	h.fields = newFields(cmp.Or(h.Headers, styleTrio), rules)
	if h.keys, err = h.newKeyer(); err != nil {
		return err
	}
	if h.counts, err = h.app.LimitCounts(h.Name); err != nil {
		return err
	}
	h.unrouted = h.counts.Route("")
	return h.findCounters(rules)
}

func (h *Handler) newKeyer() (k keyer, err error) {
	k = keyer{
		perRoute: h.Name == "", ipv6: cmp.Or(h.IPv6Prefix, 64), instead: cmp.Or(h.OnMissingKey, fromClientIP) == fromClientIP,
		buffers: &sync.Pool{New: func() any { return new([]byte) }},
	}
	k.parts, err = parseKey(h.Key)
	return k, err
}

// findCounters finds those of the limiter's name, and what cannot change in place: what keys are made of, and how many limits there
// are. A limiter without a name is known by its limits as well.
func (h *Handler) findCounters(rules *ratelimit.Rules) (err error) {
	identity := fmt.Sprint(h.keys.parts, h.keys.ipv6)
	if h.Name == "" {
		identity += fmt.Sprint(rules.Limits())
	}
	h.limiter = &ratelimit.Limiter{Name: h.Name + "\x00" + identity, Rules: rules, MaxKeys: cmp.Or(h.MaxKeys, ratelimit.DefaultMaxKeys)}
	h.limiter.OnError = map[string]ratelimit.OnError{allow: ratelimit.Allow, deny: ratelimit.Deny}[h.OnStoreError] // or Local
	if h.Redis != "" {
		if h.limiter.Shared, err = h.app.RedisNamed(h.Redis); err != nil {
			return err
		}
	}
	if h.Redis == "" || h.limiter.OnError == ratelimit.Local {
		h.limiter.Memory, err = h.app.LimitMemory(h.Name, identity, len(rules.Limits()))
	}
	return err
}

// ServeHTTP lets the request through if it keeps all limits.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	vars := gateway.VarsOf(r.Context())
	route := vars.Route()
	id, counts := "", h.unrouted
	if route != nil {
		id, counts = route.ID, h.countsOf(route)
	}
	d, known, err := h.take(r, vars, id)
	switch {
	case errors.Is(err, errNoKey):
		return h.withoutKey(counts, w, r, next)
	case err != nil:
		h.counts.StoreErrors.Add(1)
	}
	return h.decided(d, known, id, counts, w, r, next)
}

// errNoKey is a request that lacks what the key is made of.
var errNoKey = errors.New("the request has no key")

func (h *Handler) take(r *http.Request, vars gateway.Vars, route string) (ratelimit.Decision, bool, error) {
	buffer := h.keys.buffers.Get().(*[]byte)
	defer h.keys.buffers.Put(buffer)
	key, ok := h.keys.append((*buffer)[:0], r, vars, route)
	*buffer = key
	if !ok {
		return ratelimit.Decision{}, false, errNoKey
	}
	return h.limiter.Take(key)
}

// decided does what the decision says. known is whether it is one about the limits.
func (h *Handler) decided(
	d ratelimit.Decision, known bool, route string, counts *gateway.RouteLimits, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler,
) error {
	if !known {
		counts.Add(gateway.LimitError)
		if d.Allowed || !h.enforced {
			return next.ServeHTTP(w, r)
		}
		return withoutStore().refuse(w, r)
	}
	if h.enforced {
		h.fields.set(w.Header(), &d)
	}
	if d.Allowed {
		counts.Add(gateway.LimitAllowed)
		return h.pass(&d, w, r, next)
	}
	counts.Add(gateway.LimitLimited)
	h.report(route)
	if !h.enforced {
		return next.ServeHTTP(w, r)
	}
	return overLimit(d.Limits[d.Strictest].RetryAfter).refuse(w, r)
}

// pass lets a request through whose client is told about the limit.
func (h *Handler) pass(d *ratelimit.Decision, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !h.enforced || h.fields.style == styleOff {
		return next.ServeHTTP(w, r)
	}
	told := &telling{fields: &h.fields, decision: *d}
	told.Wrap(w, told)
	return next.ServeHTTP(told, r)
}

func (h *Handler) withoutKey(counts *gateway.RouteLimits, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.OnMissingKey == allow || !h.enforced {
		counts.Add(gateway.LimitAllowed)
		return next.ServeHTTP(w, r)
	}
	counts.Add(gateway.LimitLimited)
	return withoutKey().refuse(w, r)
}

// countsOf are the counts of a route.
func (h *Handler) countsOf(route *gateway.RouteInfo) *gateway.RouteLimits {
	if counts, ok := h.routes.Load(route); ok {
		return counts.(*gateway.RouteLimits)
	}
	counts := h.counts.Route(route.ID)
	h.routes.Store(route, counts)
	return counts
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
