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

// ServeHTTP adds its fields when the request is done with.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	err := next.ServeHTTP(w, r)
	extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	route := gateway.VarsOf(r.Context()).Route()
	if !ok || route == nil {
		return err
	}
	extra.Set(zap.String("route", route.ID))
	if state := gateway.VarsOf(r.Context()).State(); state != nil && len(state.Verdicts()) > 0 {
		extra.Set(zap.Stringers("plugins", state.Verdicts()))
	}
	if route.Upstream == "" {
		return err
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
	return err
}

// Interface guard
var _ caddyhttp.MiddlewareHandler = (*Handler)(nil)
