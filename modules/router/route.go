package router

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/pathtree"
	"github.com/loom-gateway/loom/modules/gateway"
)

// compiled is a route that is ready to serve.
type compiled struct {
	id         any // a string, which is boxed once
	info       *gateway.RouteInfo
	middleware *middleware
	handlers   []caddyhttp.MiddlewareHandler
	rewrite    *rewrite
	options    bool // it names the method OPTIONS
	preflights bool // it answers CORS preflights
}

func (r *Route) spec() pathtree.Route {
	return pathtree.Route{
		ID: r.ID, Hosts: r.Hosts, Paths: r.Paths, Methods: r.Methods, Headers: r.Headers, Query: r.Query, Priority: r.Priority,
	}
}

func (r *Route) compile(ctx caddy.Context, info *gateway.RouteInfo, sets middlewareSets) (*compiled, error) {
	c := &compiled{id: r.ID, info: info, options: slices.Contains(r.Methods, http.MethodOptions)}
	var err error
	if c.rewrite, err = newRewrite(r); err != nil {
		return nil, err
	}
	if c.middleware, err = sets.of(ctx, r); err != nil {
		return nil, err
	}
	loaded, err := ctx.LoadModule(r, "HandlersRaw")
	if err != nil {
		return nil, fmt.Errorf("loading handlers: %w", err)
	}
	for _, handler := range loaded.([]any) {
		c.handlers = append(c.handlers, handler.(caddyhttp.MiddlewareHandler))
	}
	c.preflights = has[gateway.PreflightAnswerer](c.middleware.handlers) || has[gateway.PreflightAnswerer](c.handlers)
	return c, nil
}

// publish makes the route known to what comes after it.
func (c *compiled) publish(r *http.Request, m *pathtree.Match) {
	caddyhttp.SetVar(r.Context(), "loom.route", c.id)
	caddyhttp.SetVar(r.Context(), gateway.RouteVar, c.info)
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	repl.Set("loom.route.id", c.id)
	for name, value := range m.Captures {
		repl.Set("loom.route.params."+name, unescaped(value))
	}
	if rest, ok := m.Rest(); ok {
		repl.Set("loom.route.params.*", unescaped(rest))
	}
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s // cannot be: the path is clean
}
