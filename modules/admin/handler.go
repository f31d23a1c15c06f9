package admin

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/gateway"
)

// minToken is the shortest token that is worth to ask for, in bytes.
const minToken = 16

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
	h.ctx, h.app = ctx, loom.(*gateway.App)
	h.allowed = make(map[string]bool, len(h.AllowedHosts))
	for _, host := range h.AllowedHosts {
		h.allowed[hostName(host)] = true
	}
	if h.Token == "" {
		return nil
	}
	token, err := caddy.NewReplacer().ReplaceOrErr(h.Token, true, true)
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if len(token) < minToken {
		return fmt.Errorf("token: it has %d bytes, write at least %d, such as what `openssl rand -hex 32` prints", len(token), minToken)
	}
	h.token = sha256.Sum256([]byte(token))
	return nil
}

// Validate refuses names that no request could have.
func (h *Handler) Validate() error {
	for _, host := range h.AllowedHosts {
		if host == "" || strings.ContainsAny(host, "/*@ ") {
			return fmt.Errorf("allowed_hosts: %q is not a host name (write admin.example.com)", host)
		}
	}
	if h.MetricsPath != "" && !strings.HasPrefix(h.MetricsPath, "/") {
		return errors.New("metrics_path: begin it with a slash")
	}
	return nil
}

// ServeHTTP answers every request but those for metrics, which are the next handler's.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	protect(w.Header())
	answer, p := h.choose(r)
	if p != nil {
		return p.write(w, r)
	}
	if answer == nil {
		return next.ServeHTTP(w, r)
	}
	return answer(w, r)
}

// choose finds what answers the request: nil is the next handler.
func (h *Handler) choose(r *http.Request) (answer, *problem) {
	if p := h.refusal(r); p != nil {
		return nil, p
	}
	if h.MetricsPath != "" && r.URL.EscapedPath() == h.MetricsPath {
		return nil, methods{http.MethodGet: nil}.refusal(r)
	}
	byMethod, p := h.find(r)
	if p != nil {
		return nil, p
	}
	if p := byMethod.refusal(r); p != nil {
		return nil, p
	}
	answer := byMethod.of(r)
	if isWrite(r) {
		if p := h.mayWrite(r); p != nil {
			return nil, p
		}
	}
	return answer, bodyProblem(r)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
