package gateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/callout"
	"github.com/loom-gateway/loom/internal/guestmetrics"
	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/shared"
	"github.com/loom-gateway/loom/plugins"
)

// pluginPool holds the plugins of every config that is loaded or draining, and the store that they share. A plugin that
// a reload does not change keeps its instances.
var pluginPool = caddy.NewUsagePool() //nolint:gochecknoglobals // Caddy's way to outlive a config

const sharedStoreKey = "loom.shared"

// pooledStore is the shared data of all plugins, and their code. There is nothing to free: draining plugins still hold it.
type pooledStore struct {
	*shared.Store
	metrics *guestmetrics.Store
	code    *plugin.Code
}

// Destruct implements caddy.Destructor.
func (pooledStore) Destruct() error { return nil }

// pluginSet is what one config has taken from the pool.
type pluginSet struct {
	ctx     context.Context
	logger  *zap.Logger
	mu      sync.Mutex
	byName  map[string]*plugin.Plugin
	store   *shared.Store
	code    *plugin.Code
	metrics *guestmetrics.Store
	// upstreams finds those of the config, for the calls of plugins.
	upstreams callout.Lookup
	// foreign are the foreign functions, properties the properties that are the same in every request.
	foreign    plugin.ForeignFunctions
	properties map[string][]byte
	// watch is told of changes of the plugins' breakers, and emit tells Caddy's events app of others.
	watch   func(plugin.BreakerEvent)
	emit    func(name string, data map[string]any)
	keys    []string // one for each reference taken
	started bool
}

// provisionPlugins opens every plugin of the config: it is read, compiled, started and configured here, so that a bad one
// refuses the config. Their timers run from startPlugins on.
func (a *App) provisionPlugins(ctx caddy.Context) error {
	a.plugins = &pluginSet{ctx: ctx, logger: a.logger, upstreams: a.Upstream, byName: map[string]*plugin.Plugin{}}
	store, _, err := pluginPool.LoadOrNew(sharedStoreKey, func() (caddy.Destructor, error) {
		code, err := plugin.NewCode(codeFolder())
		if err != nil {
			a.logger.Warn("plugins are compiled at each start", zap.Error(err))
		}
		return pooledStore{shared.NewStore(), guestmetrics.NewStore(), code}, nil
	})
	if err != nil {
		return err
	}
	a.plugins.keys = append(a.plugins.keys, sharedStoreKey)
	pooled := store.(pooledStore)
	a.plugins.store, a.plugins.metrics, a.plugins.code = pooled.Store, pooled.metrics, pooled.code
	for _, c := range []prometheus.Collector{guestCollector{a.plugins}, newPluginCollector(a.plugins)} {
		if err := ctx.GetMetricsRegistry().Register(c); err != nil {
			return fmt.Errorf("registering the metrics of plugins: %w", err)
		}
	}
	if a.plugins.properties, err = a.Node.properties(); err != nil {
		return err
	}
	if a.plugins.foreign, err = a.loadForeign(ctx); err != nil {
		return err
	}
	if a.plugins.watch, err = breakerEvents(ctx); err != nil {
		return err
	}
	if a.plugins.emit, err = pluginEvents(ctx); err != nil {
		return err
	}
	if err := a.checkAllowedUpstreams(); err != nil {
		return err
	}
	var problems []error
	for _, name := range sortedNames(a.Plugins) {
		if _, err := a.plugins.open(name, a.Plugins[name]); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// startPlugins lets timers run.
func (a *App) startPlugins() {
	a.plugins.mu.Lock()
	defer a.plugins.mu.Unlock()
	a.plugins.started = true
	for _, p := range a.plugins.byName {
		p.Start()
	}
}

func (a *App) releasePlugins() error {
	if a.plugins == nil {
		return nil
	}
	keys := a.plugins.keys
	a.plugins.keys = nil
	switch {
	case caddy.Exiting():
		defer a.plugins.awaitLastWords()
	case a.plugins.serves():
		late.release(func() {
			if err := deletePlugins(keys); err != nil {
				caddy.Log().Named("loom").Error("releasing plugins", zap.Error(err))
			}
		})
		return nil
	}
	return deletePlugins(keys)
}

func deletePlugins(keys []string) error {
	var problems []error
	for _, key := range keys {
		_, err := pluginPool.Delete(key)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// serves tells whether the config was accepted, and can have had requests.
func (s *pluginSet) serves() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// lastWords is how long the process stays for plugins that have something to finish (proxy_on_done answered 0).
const lastWords = 10 * time.Second

func (s *pluginSet) awaitLastWords() {
	timeout := time.After(lastWords)
	for _, p := range s.byName {
		select {
		case <-p.Freed():
		case <-timeout:
			return
		}
	}
}

// open finds the plugin in the pool, or starts it.
func (s *pluginSet) open(name string, config *Plugin) (*plugin.Plugin, error) {
	spec, err := config.spec(name)
	if err != nil {
		return nil, fmt.Errorf("plugin %q: %w", name, err)
	}
	spec.Properties = s.properties
	key := spec.Key()
	metrics := s.metrics.Of(name)
	value, _, err := pluginPool.LoadOrNew(key, func() (caddy.Destructor, error) {
		metrics.Limit(spec.Limits.OrDefaults().Metrics)
		return plugin.Open(s.ctx, spec, plugin.Deps{
			Code: s.code, Shared: s.store, Metrics: metrics, Upstreams: s.upstreams, Foreign: s.foreign, Log: s.logger,
		})
	})
	if err != nil {
		return nil, fmt.Errorf("loading plugin %q from %s: %w", name, config.source(), err)
	}
	s.keys = append(s.keys, key)
	p := value.(*plugin.Plugin)
	if s.started {
		p.SetBreakerWatch(s.watch)
		p.Start()
	}
	s.byName[name] = p
	return p, nil
}

// codeFolder is where compiled plugins are kept over restarts.
func codeFolder() string { return filepath.Join(caddy.AppDataDir(), "loom", "compiled") }

// PluginContext finds a plugin of the config, or opens the bundled one of that name, with the plugin's own
// configuration or another one. The caller releases the context in its Cleanup.
func (a *App) PluginContext(name string, config *string) (*plugin.Context, error) {
	a.plugins.mu.Lock()
	defer a.plugins.mu.Unlock()
	p, err := a.pluginByName(name)
	if err != nil {
		return nil, err
	}
	text := p.Spec().Config
	if config != nil {
		text = *config
	}
	c, err := p.Context(a.plugins.ctx, text)
	if err != nil {
		return nil, fmt.Errorf("configuring plugin %q: %w", name, err)
	}
	return c, nil
}

// PluginPriority is the priority of a plugin of the config; bundled ones without an entry have 0.
func (a *App) PluginPriority(name string) int {
	if p := a.Plugins[name]; p != nil {
		return p.Priority
	}
	return 0
}

func (a *App) pluginByName(name string) (*plugin.Plugin, error) {
	if p := a.plugins.byName[name]; p != nil {
		return p, nil
	}
	if _, ok := plugins.Bundled(name); ok {
		return a.plugins.open(name, &Plugin{Bundled: name})
	}
	known := append(sortedNames(a.Plugins), plugins.BundledNames()...)
	if meant := nearest.Word(name, known); meant != "" {
		return nil, fmt.Errorf("unknown plugin %q: did you mean %q?", name, meant)
	}
	return nil, fmt.Errorf("unknown plugin %q: neither the loom app nor the binary has a plugin of that name", name)
}

// Interface guards
var (
	_ caddy.Destructor = pooledStore{}
	_ caddy.Destructor = (*plugin.Plugin)(nil)
)
