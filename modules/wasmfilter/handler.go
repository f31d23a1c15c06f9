// Package wasmfilter is http.handlers.loom_wasm: Proxy-Wasm plugins as handlers.
package wasmfilter

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/debuggate"
	"github.com/loom-gateway/loom/internal/httpfilter"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/pluginwatch"
	"github.com/loom-gateway/loom/modules/gateway"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_wasm", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the plugins and configures them. A plugin that refuses its configuration refuses the config.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := ctx.App("loom")
	if err != nil {
		return fmt.Errorf("finding the loom app: %w", err)
	}
	loom := app.(*gateway.App)
	h.gate, h.log = loom.DebugGate(), ctx.Logger()
	refs := slices.Clone(h.Plugins)
	slices.SortStableFunc(refs, func(a, b PluginRef) int {
		return cmp.Compare(loom.PluginPriority(b.Name), loom.PluginPriority(a.Name))
	})
	for _, ref := range refs {
		c, err := loom.PluginContext(ref.Name, ref.Config)
		if err != nil {
			return err
		}
		h.contexts = append(h.contexts, c)
		h.filters = append(h.filters, httpfilter.New(c, options(h.log, loom, c)))
	}
	return nil
}

// Validate refuses a handler without a plugin.
func (h *Handler) Validate() error {
	if len(h.Plugins) == 0 {
		return errors.New("plugins: name at least one plugin")
	}
	return nil
}

// Cleanup gives the contexts back; requests in flight go on with them.
func (h *Handler) Cleanup() error {
	for _, c := range h.contexts {
		c.Release()
	}
	h.contexts = nil
	return nil
}

// ServeHTTP runs the plugins around the next handler: the first is the outermost.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.admits(r) {
		return h.serveReported(w, r, next)
	}
	return asCaddyError(h.serve(pluginwatch.New(r.Context(), h.report(r)), 0, w, r, next))
}

func (h *Handler) serve(watch *pluginwatch.Watch, i int, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if i == len(h.filters) {
		return next.ServeHTTP(w, r)
	}
	return h.filters[i].ServeWatched(watch, w, r, func(w http.ResponseWriter, r *http.Request) error {
		return h.serve(watch, i+1, w, r, next)
	})
}

// asCaddyError makes the status of a failed plugin the one that Caddy's error routes and logs see.
func asCaddyError(err error) error {
	failure := (*httpfilter.Error)(nil)
	if errors.As(err, &failure) {
		return caddyhttp.Error(failure.Status, failure)
	}
	return err
}

// state is what Provision makes.
type state struct {
	contexts []*plugin.Context
	filters  []*httpfilter.Filter
	gate     *debuggate.Gate // nil: no client may see what plugins do
	log      *zap.Logger
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
