package proxywasm

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// PluginConfig is one configuration of a plugin.
type PluginConfig struct {
	// Name is the property plugin_name.
	Name string
	// RootID is the property plugin_root_id, by which a module with several roots picks one.
	RootID string
	// Configuration is handed to proxy_on_configure byte for byte.
	Configuration string
}

// PluginContext is one configuration living in one instance: the specification's plugin context.
type PluginContext struct {
	in     *Instance
	id     uint32
	config PluginConfig

	properties map[string][]byte // proxy_set_property outside of streams
	declared   map[string]bool   // declare_property: whether it is read-only
	tickPeriod time.Duration
	tickTimer  *time.Timer
	closing    bool        // proxy_on_done was called
	grace      *time.Timer // until proxy_done; nil when nobody waits for it
	ended      bool
}

// ErrRefused is a configuration or start that the plugin itself refused. The error around it repeats what the plugin logged.
var ErrRefused = errors.New("the plugin refused it")

// NewPluginContext creates a plugin context and configures it: proxy_on_context_create, proxy_on_vm_start,
// proxy_on_configure, with the same id, as Envoy does for every plugin of a VM.
func (in *Instance) NewPluginContext(_ context.Context, c PluginConfig) (*PluginContext, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.allowance = in.module.options.Limits.StartTimeout
	in.words = words{listening: true}
	defer func() { in.allowance, in.words = in.module.options.Limits.CallTimeout, words{} }()
	pc := &PluginContext{in: in, id: in.newID(), config: c}
	in.scopes[pc.id] = pc.scope()
	if err := pc.begin(); err != nil {
		pc.abandon()
		return nil, in.explainStart(err)
	}
	pc.armTick()
	return pc, nil
}

func (pc *PluginContext) begin() error {
	in, id := pc.in, uint64(pc.id)
	if _, err := in.call(in.exports.contextCreate, pc.scope(), 0, id, 0); err != nil {
		return err
	}
	steps := []struct {
		what string
		run  func() (uint32, error)
	}{
		{"starting (on_vm_start)", func() (uint32, error) {
			in.starting = true
			defer func() { in.starting = false }()
			return in.call(in.exports.vmStart, pc.scope(), 1, id, uint64(len(in.vm.Configuration)))
		}},
		{"configuring (on_configure)", func() (uint32, error) {
			return in.call(in.exports.configure, pc.scope(), 1, id, uint64(len(pc.config.Configuration)))
		}},
	}
	for _, step := range steps {
		ok, err := step.run()
		if err != nil {
			return err
		}
		if ok == 0 {
			return fmt.Errorf("%s plugin %q: %w, %s", step.what, pc.config.Name, ErrRefused, in.words.reason())
		}
	}
	return nil
}

func (pc *PluginContext) scope() scope { return scope{id: pc.id, plugin: pc} }
