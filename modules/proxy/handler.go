package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/clientbody"
	"github.com/loom-gateway/loom/internal/debuggate"
	"github.com/loom-gateway/loom/modules/gateway"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_proxy", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the upstream. All handlers to one upstream share one proxy.
func (h *Handler) Provision(ctx caddy.Context) error {
	if h.Upstream == "" {
		return errors.New("upstream: the name of an upstream is required")
	}
	loom, err := ctx.App("loom")
	if err != nil {
		return err
	}
	app := loom.(*gateway.App)
	if h.upstream, err = app.Upstream(h.Upstream); err != nil {
		return err
	}
	if err := h.provisionRetries(app); err != nil {
		return err
	}
	shared, err := app.Shared("loom_proxy "+h.Upstream, func() (any, error) {
		return newShared(ctx, h.upstream)
	})
	if err != nil {
		return fmt.Errorf("provisioning the proxy to upstream %q: %w", h.Upstream, err)
	}
	h.shared = shared.(*sharedProxy)
	return nil
}

// Validate checks what Provision did not need.
func (h *Handler) Validate() error {
	if h.Timeout < 0 {
		return errors.New("timeout: must not be negative")
	}
	if h.StreamIdleTimeout < 0 {
		return errors.New("stream_idle_timeout: must not be negative")
	}
	return nil
}

// ServeHTTP proxies the request. Errors carry the status: 502 when no backend could be reached or one broke off, 503
// when none may be used or all are at their limits, 504 when one took too long.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.ProtoMajor > 1 && !lengthIsNumber(r.Header["Content-Length"]) {
		return caddyhttp.Error(http.StatusBadRequest, errors.New("content-length: it is not a number"))
	}
	body := clientbody.Of(r)
	body.AnswerEarly(w)
	defer body.End(w)
	p := h.begin(w, r)
	defer p.end()
	delete(r.Header, debuggate.Header) // of routes without plugins: it is for the gateway
	if h.goesDirect(r) {
		return h.direct(p, w, r)
	}
	return h.composed(p, w, r, next)
}

// lengthIsNumber reports whether a declared length can be read. The server of HTTP/2 takes one that cannot for 0, and whether the
// backend then gets a part of the body is a matter of time.
func lengthIsNumber(declared []string) bool {
	for _, length := range declared {
		if _, err := strconv.ParseUint(length, 10, 63); err != nil {
			return false
		}
	}
	return true
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
