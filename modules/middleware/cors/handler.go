// Package cors is http.handlers.loom_cors: cross-origin requests of browsers, by the rules of the Fetch standard.
package cors

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/gateway"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_cors", New: func() caddy.Module { return new(Handler) }}
}

// Provision refuses settings that do not work, and those that would be dangerous.
func (h *Handler) Provision(caddy.Context) error {
	m, err := h.middleware()
	if err != nil {
		return err
	}
	h.policy = m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	return nil
}

// AnswersPreflights has routers send preflights here.
func (h *Handler) AnswersPreflights() {}

// ServeHTTP answers a preflight, and puts its headers on the response of any other request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if isPreflight(r) {
		h.policy.ServeHTTP(h.forPreflight(w, r), r)
		return nil
	}
	rw := &writer{own: http.Header{}}
	h.policy.ServeHTTP(collector{rw.own}, r)
	rw.Wrap(w, rw)
	rw.enforce(w.Header()) // for an error page, which is written further out
	return next.ServeHTTP(rw, r)
}

// isPreflight reports whether a browser asks if it may send a request.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && len(r.Header["Origin"]) > 0 && len(r.Header["Access-Control-Request-Method"]) > 0
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ gateway.PreflightAnswerer   = (*Handler)(nil)
)
