package admin

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/gateway"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_admin", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the app, whose state is read at each request.
func (h *Handler) Provision(ctx caddy.Context) error {
	loom, err := ctx.App("loom")
	if err != nil {
		return err
	}
	h.app = loom.(*gateway.App)
	h.allowed = make(map[string]bool, len(h.AllowedHosts))
	for _, host := range h.AllowedHosts {
		h.allowed[hostName(host)] = true
	}
	h.mux = h.routes()
	return nil
}

// Validate refuses names that no request could have.
func (h *Handler) Validate() error {
	for _, host := range h.AllowedHosts {
		if host == "" || strings.ContainsAny(host, "/*@ ") {
			return fmt.Errorf("allowed_hosts: %q is not a host name (write admin.example.com)", host)
		}
	}
	return nil
}

// ServeHTTP answers every request; there is no next handler to go to.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if p := h.refusal(r); p != nil {
		return p.write(w, r)
	}
	h.mux.ServeHTTP(w, r)
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
