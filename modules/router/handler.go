// Package router is http.handlers.loom_router and http.matchers.loom_route: routes by host, path, method and conditions.
package router

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/cleanpath"
	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/internal/pathtree"
	"github.com/loom-gateway/loom/modules/gateway"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_router", New: func() caddy.Module { return new(Handler) }}
}

// state is what Provision makes.
type state struct {
	table      *pathtree.Table
	middleware *middleware // of requests that no route takes
	routes     []*compiled
	policy     cleanpath.Policy
	matches    *sync.Pool // of *pathtree.Match, whose captures would be garbage of every request
}

// Provision builds the tree and the chain of each route, once.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.matches = &sync.Pool{New: func() any { return new(pathtree.Match) }}
	var err error
	if h.policy, err = h.Paths.policy(); err != nil {
		return err
	}
	h.nameRoutes()
	specs := make([]pathtree.Route, len(h.Routes))
	for i, r := range h.Routes {
		specs[i] = r.spec()
	}
	if h.table, err = pathtree.New(specs); err != nil {
		return err
	}
	loom, err := ctx.App("loom")
	if err != nil {
		return fmt.Errorf("finding the loom app: %w", err)
	}
	app := loom.(*gateway.App)
	if err := app.AddToDigest(h); err != nil {
		return err
	}
	infos := make([]*gateway.RouteInfo, len(h.Routes))
	for i, r := range h.Routes {
		infos[i] = r.info() // first: loading the handlers empties their JSON
	}
	if err := h.compile(ctx, app, infos); err != nil {
		return err
	}
	h.register(app)
	for _, s := range h.table.Shadowed() {
		ctx.Logger().Warn("route can never be reached", zap.String("route", specs[s.Route].ID), zap.String("taken_by", specs[s.By].ID))
	}
	return nil
}

// compile loads the middleware and the handlers of all routes.
func (h *Handler) compile(ctx caddy.Context, app *gateway.App, infos []*gateway.RouteInfo) error {
	sets := middlewareSets{}
	var err error
	if h.middleware, err = sets.load(ctx, h); err != nil {
		return err
	}
	for i, r := range h.Routes {
		c, err := r.compile(ctx, infos[i], sets)
		if err != nil {
			return fmt.Errorf("route %q: %w", r.ID, err)
		}
		if has[gateway.RequestCounter](c.middleware.handlers) || has[gateway.RequestCounter](c.handlers) {
			if c.info.Requests, err = app.RouteRequests(r.ID); err != nil {
				return err
			}
		}
		h.routes = append(h.routes, c)
	}
	return nil
}

func (h *Handler) nameRoutes() {
	for i, r := range h.Routes {
		if r.ID == "" {
			r.ID = fmt.Sprintf("route-%d", i+1)
		}
	}
}

// register tells the app, for the admin API.
func (h *Handler) register(app *gateway.App) {
	for _, route := range h.routes {
		var chain []gateway.HandlerInfo
		for _, name := range route.middleware.names {
			chain = append(chain, gateway.HandlerInfo{Handler: name, Middleware: true})
		}
		route.info.Chain = append(chain, route.info.Chain...)
		app.RegisterRoute(route.info)
	}
}

// ServeHTTP finds the route of the request and runs its middleware and its handlers. What no route wants is 404, or 405 with
// Allow when only the method is wrong; a path that could be read in two ways is 400.
//
// Placeholder | Description
// ------------|-------------
// `{loom.route.id}` | the id of the route
// `{loom.route.params.NAME}` | what the capture {NAME} matched, unescaped
// `{loom.route.params.*}` | what a trailing * matched, unescaped
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	run := &run{middleware: h.middleware, end: next}
	h.choose(run, w, r)
	return run.begin().ServeHTTP(w, r)
}

// choose decides what the request runs through.
func (h *Handler) choose(run *run, w http.ResponseWriter, r *http.Request) {
	if err := h.cleanPath(r); err != nil {
		run.end = refusal{caddyhttp.Error(http.StatusBadRequest, err)}
		return
	}
	dropNamed(r.Header)
	dropForwarded(r)
	request := pathtree.Request{Host: r.Host, Path: r.URL.EscapedPath(), Method: r.Method, RawQuery: r.URL.RawQuery, Header: r.Header}
	m := h.matches.Get().(*pathtree.Match)
	defer h.matches.Put(m)
	switch h.find(&request, m, run) {
	case pathtree.Found:
		run.take(h.routes[m.Route], r, m)
	case pathtree.MethodNotAllowed:
		w.Header().Set("Allow", m.Allow())
		run.end = refusal{caddyhttp.Error(http.StatusMethodNotAllowed, fmt.Errorf("no route takes %s %s", r.Method, request.Path))}
	case pathtree.NotFound:
		run.end = refusal{caddyhttp.Error(http.StatusNotFound, fmt.Errorf("no route takes %s%s", r.Host, request.Path))}
	}
}

// cleanPath makes the path of the request the clean one, for everybody who looks at it from here on.
func (h *Handler) cleanPath(r *http.Request) error {
	escaped := r.URL.EscapedPath()
	clean, err := cleanpath.Clean(escaped, h.policy)
	if err != nil || clean == escaped {
		return err
	}
	return setPath(r, clean)
}

// setPath sets the path, which is escaped, and what follows from it.
func setPath(r *http.Request, escaped string) error {
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return fmt.Errorf("unescaping the path: %w", err)
	}
	r.URL.Path, r.URL.RawPath = plain, escaped
	if r.URL.RawPath == (&url.URL{Path: plain}).EscapedPath() {
		r.URL.RawPath = ""
	}
	r.RequestURI = r.URL.RequestURI()
	return nil
}

// policy reads the words of the config.
func (p *PathPolicy) policy() (cleanpath.Policy, error) {
	var policy cleanpath.Policy
	if p == nil {
		return policy, nil
	}
	var errs [2]error
	policy.EncodedSlashes, errs[0] = choice("encoded_slashes", p.EncodedSlashes, "reject", "keep")
	policy.Semicolons, errs[1] = choice("semicolons", p.Semicolons, "reject", "keep", "strip")
	return policy, errors.Join(errs[:]...)
}

func choice(option, word string, words ...string) (cleanpath.Choice, error) {
	for i, w := range words {
		if word == w {
			return cleanpath.Choice(i), nil
		}
	}
	if word == "" {
		return cleanpath.Reject, nil
	}
	if meant := nearest.Word(word, words); meant != "" {
		return 0, fmt.Errorf("paths: %s %q: did you mean %q?", option, word, meant)
	}
	return 0, fmt.Errorf("paths: %s %q: write one of %q", option, word, words)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
