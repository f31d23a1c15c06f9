package gateway

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"
)

// watchLife subscribes to Caddy's events of the config's beginning and end.
func (a *App) watchLife(ctx caddy.Context) error {
	app, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("finding the events app: %w", err)
	}
	a.up = &startedEvent{then: a.takeOverPlugins}
	events := app.(*caddyevents.App)
	if err := events.On("started", a.up); err != nil {
		return fmt.Errorf("subscribing to the start of the config: %w", err)
	}
	if a.ShutdownDelay == 0 {
		return nil
	}
	if err := events.On("stopping", stoppingEvent{time.Duration(a.ShutdownDelay), a.logger}); err != nil {
		return fmt.Errorf("subscribing to the end of the config: %w", err)
	}
	return nil
}

// startedEvent hears when every app of the config has started: then its listeners are open.
type startedEvent struct {
	when atomic.Pointer[time.Time]
	then func()
}

func (s *startedEvent) at() *time.Time { return s.when.Load() }

// Handle implements caddyevents.Handler.
func (s *startedEvent) Handle(context.Context, caddy.Event) error {
	now := time.Now()
	if s.when.CompareAndSwap(nil, &now) {
		s.then()
	}
	return nil
}

// takeOverPlugins makes this config's logger and upstreams those of plugins which another config had started, and puts back into
// service what was disabled under that: not before every app has started, or a config that fails at its ports would have had them.
func (a *App) takeOverPlugins() {
	for _, name := range a.plugins.takeOver() {
		a.logger.Info("plugin enabled again", zap.String("plugin", name))
		a.plugins.emit("loom.plugin.enabled", map[string]any{"plugin": name})
	}
}

func (s *pluginSet) takeOver() (enabled []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range sortedNames(s.byName) {
		p := s.byName[name]
		p.SetLogger(s.logger)
		p.SetUpstreams(s.upstreams)
		p.SetForeign(s.foreign)
		p.SetBreakerWatch(s.watch)
		if p.SetDisabled(false) {
			enabled = append(enabled, name)
		}
	}
	return enabled
}

// stoppingEvent holds the end of the process up: Caddy emits the event before it stops the first app, and waits.
type stoppingEvent struct {
	delay  time.Duration
	logger *zap.Logger
}

// Handle implements caddyevents.Handler.
func (s stoppingEvent) Handle(context.Context, caddy.Event) error {
	if caddy.Exiting() { // and not a reload, which loses nobody
		s.logger.Info("not ready any more; listeners close after the delay", zap.Duration("delay", s.delay))
		time.Sleep(s.delay)
	}
	return nil
}

// Interface guards
var (
	_ caddyevents.Handler = (*startedEvent)(nil)
	_ caddyevents.Handler = stoppingEvent{}
)
