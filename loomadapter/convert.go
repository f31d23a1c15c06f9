package loomadapter

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/router"
	"github.com/loom-gateway/loom/modules/wasmfilter"
)

// gracePeriod is how long a stopping server waits for requests. Caddy's own default is for ever.
const gracePeriod = caddy.Duration(30 * time.Second)

// convert makes Caddy's config of a document that is in order.
func convert(doc *Document, r *report) *caddy.Config {
	c := &converter{report: r, doc: doc}
	apps := caddy.ModuleMap{"http": c.json(c.httpApp()), "loom": c.json(c.loomApp())}
	if t := c.tlsApp(); t != nil {
		apps["tls"] = c.json(t)
	}
	if p := c.pkiApp(); p != nil {
		apps["pki"] = c.json(p)
	}
	return &caddy.Config{AppsRaw: apps, Logging: c.logging()}
}

type converter struct {
	*report
	doc *Document
}

func (c *converter) json(v any) json.RawMessage { return caddyconfig.JSON(v, &c.warnings) }

func (c *converter) handler(name string, v any) json.RawMessage {
	return caddyconfig.JSONModuleObject(v, "handler", name, &c.warnings)
}

func (c *converter) httpApp() *caddyhttp.App {
	app := &caddyhttp.App{GracePeriod: gracePeriod, Servers: map[string]*caddyhttp.Server{}}
	if s := c.doc.Shutdown; s != nil && s.GracePeriod > 0 {
		app.GracePeriod = caddy.Duration(s.GracePeriod)
	}
	for i := range c.doc.Listeners {
		app.Servers[c.doc.Listeners[i].Name] = c.server(&c.doc.Listeners[i])
	}
	if a := c.doc.Admin; a != nil && isOn(a.Enabled) {
		app.Servers[adminServer] = c.adminServer(a)
	}
	if c.doc.metricsPath() != "" {
		app.Metrics = new(caddyhttp.Metrics)
	}
	return app
}

// handlers is what every listener serves.
func (c *converter) handlers() []json.RawMessage {
	rt := router.Handler{MiddlewareRaw: c.middleware()}
	if p := c.doc.Paths; p != nil {
		rt.Paths = &router.PathPolicy{EncodedSlashes: p.EncodedSlashes, Semicolons: p.Semicolons}
	}
	for i := range c.doc.Routes {
		rt.Routes = append(rt.Routes, c.route(&c.doc.Routes[i]))
	}
	return []json.RawMessage{c.handler("loom_router", rt)}
}

func (c *converter) route(r *Route) *router.Route {
	out := &router.Route{
		ID: r.ID, Hosts: r.Hosts, Paths: r.paths(), Methods: r.Methods, Headers: r.Headers, Query: r.Query, Priority: r.Priority,
		StripPrefix: r.StripPrefix, Rewrite: r.Rewrite,
	}
	out.Without, out.MiddlewareRaw = c.routeMiddleware(r)
	if len(r.Plugins) > 0 {
		filter := wasmfilter.Handler{}
		for _, p := range r.Plugins {
			filter.Plugins = append(filter.Plugins, wasmfilter.PluginRef{Name: p.Name, Config: c.configText(p.Config, p.Pos)})
		}
		out.HandlersRaw = append(out.HandlersRaw, c.handler("loom_wasm", filter))
	}
	if r.countsBehindPlugins() {
		out.HandlersRaw = append(out.HandlersRaw, c.checked(rateLimitHandler, r.RateLimit.Pos, r.RateLimit.handler(r.ID)))
	}
	out.HandlersRaw = append(out.HandlersRaw, c.target(r))
	return out
}

// target is the handler that a route ends in.
func (c *converter) target(r *Route) json.RawMessage {
	switch {
	case r.Redirect != nil:
		status := r.Redirect.Status
		if status == 0 {
			status = http.StatusFound
		}
		return c.handler("static_response", caddyhttp.StaticResponse{
			StatusCode: caddyhttp.WeakString(itoa(status)), Headers: http.Header{"Location": {r.Redirect.To}},
		})
	case r.Respond != nil:
		response := caddyhttp.StaticResponse{Body: r.Respond.Body}
		if r.Respond.Status != 0 {
			response.StatusCode = caddyhttp.WeakString(itoa(r.Respond.Status))
		}
		for name, value := range r.Respond.Headers {
			if response.Headers == nil {
				response.Headers = http.Header{}
			}
			response.Headers.Set(name, value)
		}
		return c.handler("static_response", response)
	}
	return c.handler("loom_proxy", c.proxy(r))
}

func (c *converter) loomApp() *gateway.App {
	app := &gateway.App{Node: c.node(), Debug: c.debug(), Redis: c.redis()}
	if s := c.doc.Shutdown; s != nil {
		app.ShutdownDelay = caddy.Duration(s.Delay)
	}
	for i := range c.doc.Plugins {
		if app.Plugins == nil {
			app.Plugins = map[string]*gateway.Plugin{}
		}
		app.Plugins[c.doc.Plugins[i].Name] = c.plugin(&c.doc.Plugins[i])
	}
	for i := range c.doc.Upstreams {
		if app.Upstreams == nil {
			app.Upstreams = map[string]*gateway.Upstream{}
		}
		app.Upstreams[c.doc.Upstreams[i].Name] = convertUpstream(&c.doc.Upstreams[i])
	}
	return app
}
