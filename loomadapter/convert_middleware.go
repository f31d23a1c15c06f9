package loomadapter

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/modules/middleware/accesslog"
	"github.com/loom-gateway/loom/modules/middleware/cors"
	"github.com/loom-gateway/loom/modules/middleware/metrics"
	"github.com/loom-gateway/loom/modules/middleware/recovery"
	"github.com/loom-gateway/loom/modules/middleware/requestid"
	"github.com/loom-gateway/loom/modules/middleware/tracing"
	"github.com/loom-gateway/loom/modules/middleware/websocket"
)

// part is one kind of middleware of the document: a section gateway-wide, and a section of a route.
type part struct {
	handler string // its module
	gateway func(*Document) *setting
	route   func(*Route) *setting
}

// setting is what a section says; nil stands for a section that is not there.
type setting struct {
	at   Pos
	on   bool
	word bool // it is written as true or false, without keys of its own
	// config is the module's.
	config any
	// refuses marks a section that is off by a module that refuses; allowing is that module's config for routes where it is on
	// again, or nil if they need none.
	refuses  bool
	allowing any
}

func newSetting(at Pos, enabled *bool, config any) *setting {
	return &setting{at: at, on: isOn(enabled), word: at.keys == nil, config: config}
}

// parts are all kinds of middleware, outermost first. The order is router.MiddlewareOrder.
func parts() []part {
	return []part{
		{"loom_recovery", func(d *Document) *setting { return d.Recovery.gateway() }, func(r *Route) *setting { return r.Recovery.setting() }},
		{"loom_request_id", func(d *Document) *setting { return d.RequestID.setting() }, func(r *Route) *setting { return r.RequestID.setting() }},
		{"loom_metrics", func(d *Document) *setting { return &setting{on: d.metricsPath() != "", config: metrics.Handler{}} }, never},
		{"loom_tracing", func(d *Document) *setting { return d.Tracing.setting() }, func(r *Route) *setting { return r.Tracing.setting() }},
		{"loom_access_log", func(d *Document) *setting { return &setting{on: d.logs(), config: accesslog.Handler{}} }, never},
		{"loom_cors", func(d *Document) *setting { return d.CORS.setting() }, func(r *Route) *setting { return r.CORS.setting() }},
		{rateLimitHandler, func(d *Document) *setting { return d.RateLimit.setting(gatewayLimiter) }, (*Route).rateLimit},
		{"loom_websocket", func(d *Document) *setting { return d.WebSocket.gateway() }, func(r *Route) *setting { return r.WebSocket.setting() }},
	}
}

// middleware is what the requests of all routes run through.
func (c *converter) middleware() []json.RawMessage {
	var list []json.RawMessage
	for _, p := range parts() {
		if s := p.gateway(c.doc); s != nil && s.on {
			list = append(list, c.configured(p, s))
		}
	}
	return list
}

// routeMiddleware is where a route differs from the gateway: what it leaves out, and what it has of its own. A route's `true`
// switches on what the gateway's section says, which may be off for other routes.
func (c *converter) routeMiddleware(r *Route) (without []string, own []json.RawMessage) {
	for _, p := range parts() {
		all, one := p.gateway(c.doc), p.route(r)
		on := all != nil && all.on
		switch {
		case one == nil:
		case !one.on && on:
			without = append(without, p.handler)
		case one.on && one.word && on && all.refuses && all.allowing == nil:
			without = append(without, p.handler)
		case one.on && one.word && on && all.refuses:
			own = append(own, c.configured(p, &setting{at: one.at, config: all.allowing}))
		case one.on && one.word && (on || one.config == nil):
		case one.on && one.word && all != nil:
			own = append(own, c.configured(p, &setting{at: one.at, config: all.config}))
		case one.on:
			own = append(own, c.configured(p, one))
		}
	}
	return without, own
}

// checker is a module's config that knows what is wrong with it.
type checker interface{ Check() error }

// configured is the handler of a section that is on.
func (c *converter) configured(p part, s *setting) json.RawMessage {
	return c.checked(p.handler, s.at, s.config)
}

// checked is a handler; what is wrong with its config is reported.
func (c *converter) checked(handler string, at Pos, config any) json.RawMessage {
	if checker, ok := config.(checker); ok {
		if err := checker.Check(); err != nil {
			for problem := range strings.Lines(err.Error()) {
				c.errorf(at, "%s", strings.TrimSpace(problem))
			}
		}
	}
	return c.handler(handler, config)
}

// never is of middleware that routes have no section for.
func never(*Route) *setting { return nil }

// gateway is on by default.
func (r *Recovery) gateway() *setting {
	if r == nil {
		return &setting{on: true, config: recovery.Handler{}}
	}
	return r.setting()
}

func (r *Recovery) setting() *setting {
	if r == nil {
		return nil
	}
	return newSetting(r.Pos, r.Enabled, recovery.Handler{})
}

func (r *RequestID) setting() *setting {
	if r == nil {
		return nil
	}
	return newSetting(r.Pos, r.Enabled, requestid.Handler{Header: r.Header})
}

func (t *Tracing) setting() *setting {
	if t == nil {
		return nil
	}
	return newSetting(t.Pos, t.Enabled, tracing.Handler{Span: t.Span, Attributes: t.Attributes})
}

func (o *CORS) setting() *setting {
	if o == nil {
		return nil
	}
	return newSetting(o.Pos, o.Enabled, &cors.Handler{
		Origins: o.Origins, Methods: o.Methods, Headers: o.Headers, Expose: o.Expose, Credentials: o.Credentials,
		MaxAge: caddy.Duration(o.MaxAge), PrivateNetwork: o.PrivateNetwork,
	})
}

// gateway is nothing at all for WebSockets that all pass.
func (w *WebSocket) gateway() *setting {
	if s := w.setting(); s != nil && s.config != nil {
		return s
	}
	return nil
}

// setting is always on: what is off is refused.
func (w *WebSocket) setting() *setting {
	if w == nil {
		return nil
	}
	s := newSetting(w.Pos, nil, nil)
	limits := &websocket.Handler{Origins: w.Origins, IdleTimeout: caddy.Duration(w.IdleTimeout), MaxMessage: int64(w.MaxMessage)}
	hasLimits := len(w.Origins) > 0 || w.IdleTimeout > 0 || w.MaxMessage > 0
	switch {
	case !isOn(w.Enabled):
		s.word, s.refuses, s.config = false, true, &websocket.Handler{Deny: true}
		if hasLimits {
			s.allowing = limits
		}
	case hasLimits:
		s.config = limits
	default:
		s.word = true
	}
	return s
}
