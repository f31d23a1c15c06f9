package gateway

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"
)

// ErrPluginInUse is a plugin that handlers use, so that taking it out of service would fail requests, or let them pass
// without it.
var ErrPluginInUse = errors.New("plugin is in use")

// ErrNoPlugin is a name that no plugin of the config has.
var ErrNoPlugin = errors.New("no such plugin")

// DisablePlugin takes a plugin out of service until a configuration is loaded, for all configurations that share it: requests
// get what its failure policy says, and its timers stand still. The error is ErrNoPlugin, or ErrPluginInUse unless force is
// set.
func (a *App) DisablePlugin(name string, force bool) (PluginInfo, error) {
	a.plugins.mu.Lock()
	p := a.plugins.byName[name]
	a.plugins.mu.Unlock()
	if p == nil {
		return PluginInfo{}, fmt.Errorf("%w: %q", ErrNoPlugin, name)
	}
	info := a.pluginInfo(name, p)
	if !force && info.Handlers > 0 {
		return info, fmt.Errorf("%w: %s", ErrPluginInUse, info.users())
	}
	info.Disabled = true
	if p.SetDisabled(true) {
		a.logger.Warn("plugin disabled until a configuration is loaded", zap.String("plugin", name), zap.Strings("routes", info.Routes))
		a.plugins.emit("loom.plugin.disabled", map[string]any{"plugin": name, "routes": info.Routes})
	}
	return info, nil
}

// users says who has the plugin.
func (i PluginInfo) users() string {
	if len(i.Routes) == 0 {
		return fmt.Sprintf("%d handlers outside of loom_router have it", i.Handlers)
	}
	const most = 5
	shown := i.Routes[:min(len(i.Routes), most)]
	text := "the routes " + strings.Join(shown, ", ")
	if left := len(i.Routes) - len(shown); left > 0 {
		text += fmt.Sprintf(" and %d more", left)
	}
	return text + " have it"
}

// pluginEvents is how events of plugins are emitted.
func pluginEvents(ctx caddy.Context) (func(name string, data map[string]any), error) {
	app, err := ctx.App("events")
	if err != nil {
		return nil, fmt.Errorf("finding the events app: %w", err)
	}
	events := app.(*caddyevents.App)
	return func(name string, data map[string]any) {
		if ctx.Err() == nil { // else the config is gone
			events.Emit(ctx, name, data)
		}
	}, nil
}
