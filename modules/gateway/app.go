package gateway

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/lastconfig"
)

func init() {
	caddy.RegisterModule(App{})
}

// CaddyModule says who the module is.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "loom", New: func() caddy.Module { return new(App) }}
}

// Provision finds or builds what the config names. It opens no network: the app is usable when it returns, since Caddy
// starts apps in random order.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	a.routes, a.shared, a.digest = new(routeTable), new(sharedThings), new(digest)
	a.ctx = ctx
	if err := a.AddToDigest(a); err != nil {
		return err
	}
	if err := a.watchLife(ctx); err != nil {
		return err
	}
	var err error
	if a.debug, err = a.Debug.gate(); err != nil {
		return err
	}
	if err := a.provisionRequests(ctx); err != nil {
		return fmt.Errorf("registering the metrics of requests: %w", err)
	}
	if err := a.provisionUpstreams(ctx); err != nil {
		return fmt.Errorf("provisioning upstreams: %w", err)
	}
	if err := a.provisionLimits(ctx); err != nil {
		return err
	}
	return a.provisionPlugins(ctx)
}

// Start begins the background work: the timers of plugins, the probes of upstreams.
func (a *App) Start() error {
	a.startUpstreams()
	a.startLimits()
	a.startPlugins()
	// Caddy saves this config when all apps have started.
	if err := lastconfig.Keep(caddy.ConfigAutosavePath); err != nil {
		a.logger.Warn("keeping a copy of the saved config", zap.Error(err))
	}
	return nil
}

// Started reports whether Start was called. Servers of the config may listen a moment earlier.
func (a *App) Started() bool {
	a.plugins.mu.Lock()
	defer a.plugins.mu.Unlock()
	return a.plugins.started
}

// Stop ends nothing: servers of this config may still be answering, in any order.
func (a *App) Stop() error { return nil }

// Cleanup gives back what Provision took from the pools. Requests in flight go on.
func (a *App) Cleanup() error {
	if a.shared == nil { // Provision was never called
		return nil
	}
	a.routes.forget()
	return errors.Join(a.releasePlugins(), a.releaseUpstreams(), a.shared.cleanup(), a.releaseLimits(), a.releaseRequests())
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
