package loomadapter

import (
	"cmp"
	"encoding/json"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/tracing"

	"github.com/loom-gateway/loom/modules/middleware/metrics"
	"github.com/loom-gateway/loom/modules/middleware/recovery"
	"github.com/loom-gateway/loom/modules/middleware/requestid"
)

// part is one kind of middleware of the document: a section gateway-wide, and a section of a route.
type part struct {
	handler string // its module
	gateway func(*Document) *setting
	route   func(*Route) *setting
}

// setting is what a section says; nil stands for a section that is not there.
type setting struct {
	on   bool
	word bool // it is written as true or false, without keys of its own
	// config is the module's.
	config any
}

func newSetting(at Pos, enabled *bool, config any) *setting {
	return &setting{isOn(enabled), at.keys == nil, config}
}

// parts are all kinds of middleware, outermost first. The order is router.MiddlewareOrder.
func parts() []part {
	return []part{
		{"loom_recovery", func(d *Document) *setting { return d.Recovery.gateway() }, func(r *Route) *setting { return r.Recovery.setting() }},
		{"loom_request_id", func(d *Document) *setting { return d.RequestID.setting() }, func(r *Route) *setting { return r.RequestID.setting() }},
		{"loom_metrics", func(d *Document) *setting { return &setting{on: d.metricsPath() != "", config: metrics.Handler{}} }, never},
		{"tracing", func(d *Document) *setting { return d.Tracing.setting() }, func(r *Route) *setting { return r.Tracing.setting() }},
	}
}

// middleware is what the requests of all routes run through.
func (c *converter) middleware() []json.RawMessage {
	var list []json.RawMessage
	for _, p := range parts() {
		if s := p.gateway(c.doc); s != nil && s.on {
			list = append(list, c.handler(p.handler, s.config))
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
		case one.on && one.word && on:
		case one.on && one.word && all != nil:
			own = append(own, c.handler(p.handler, all.config))
		case one.on:
			own = append(own, c.handler(p.handler, one.config))
		}
	}
	return without, own
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
	return newSetting(t.Pos, t.Enabled, tracing.Tracing{SpanName: cmp.Or(t.Span, "loom"), SpanAttributes: t.Attributes})
}
