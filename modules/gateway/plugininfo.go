package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/loom-gateway/loom/internal/plugin"
)

// PluginInfo is what the admin API says about a plugin.
type PluginInfo struct {
	plugin.Snapshot
	// Source is the file of the module, or `bundled`.
	Source string `json:"source"`
	// Priority orders the plugins of a handler.
	Priority int `json:"priority"`
	// Routes that have the plugin, by id.
	Routes []string `json:"routes"`
}

// PluginSnapshots are the states of all plugins of the config, by name.
func (a *App) PluginSnapshots() []PluginInfo {
	a.plugins.mu.Lock()
	defer a.plugins.mu.Unlock()
	snapshots := make([]PluginInfo, 0, len(a.plugins.byName))
	for _, name := range sortedNames(a.plugins.byName) {
		snapshots = append(snapshots, a.pluginInfo(name, a.plugins.byName[name]))
	}
	return snapshots
}

func (a *App) pluginInfo(name string, p *plugin.Plugin) PluginInfo {
	info := PluginInfo{Snapshot: p.Snapshot(), Source: "bundled", Priority: a.PluginPriority(name), Routes: a.routes.with(name)}
	if config := a.Plugins[name]; config != nil && config.Path != "" {
		info.Source = config.Path
	}
	return info
}

// RoutePlugin is a plugin as a route has it.
type RoutePlugin struct {
	Name string `json:"name"`
	// Priority by which it stands where it does.
	Priority int `json:"priority"`
	// ConfigSHA256 is the digest of the configuration that it gets, which may hold secrets.
	ConfigSHA256 string `json:"config_sha256"`
	// Config replaces the plugin's own; nil does not.
	Config *string `json:"-"`
}

// orderPlugins puts the plugins of a handler in the order in which they run, and says with what.
func (a *App) orderPlugins(plugins []RoutePlugin) {
	for i := range plugins {
		p := &plugins[i]
		text := ""
		if config := a.Plugins[p.Name]; config != nil {
			p.Priority, text = config.Priority, config.Config
		}
		if p.Config != nil {
			text = *p.Config
		}
		sum := sha256.Sum256([]byte(text))
		p.ConfigSHA256 = hex.EncodeToString(sum[:])
	}
	slices.SortStableFunc(plugins, func(a, b RoutePlugin) int { return b.Priority - a.Priority })
}
