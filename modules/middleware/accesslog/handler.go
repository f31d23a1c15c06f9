// Package accesslog is http.handlers.loom_access_log: what the access log says of a request's way through Loom.
package accesslog

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/modules/gateway"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_access_log", New: func() caddy.Module { return new(Handler) }}
}

// ServeHTTP adds its fields when the request is done with, by a panic too.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	defer describe(r)
	return next.ServeHTTP(w, r)
}

func describe(r *http.Request) {
	extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	vars := gateway.VarsOf(r.Context())
	route := vars.Route()
	if !ok || route == nil {
		return
	}
	extra.Set(zap.String("route", route.ID))
	if state := vars.State(); state != nil && len(state.Verdicts()) > 0 {
		extra.Set(zap.Stringers("plugins", state.Verdicts()))
	}
	if route.Upstream == "" {
		return
	}
	extra.Set(zap.String("upstream", route.Upstream))
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		if endpoint, ok := repl.GetString("http.reverse_proxy.upstream.hostport"); ok {
			extra.Set(zap.String("endpoint", endpoint))
		}
		if retries, ok := repl.Get("http.reverse_proxy.retries"); ok {
			extra.Set(zap.Any("retries", retries))
		}
	}
}

// Interface guard
var _ caddyhttp.MiddlewareHandler = (*Handler)(nil)
