package gateway

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/upstream"
	"github.com/loom-gateway/loom/plugins"
)

// source names where the module comes from, for errors.
func (p *Plugin) source() string {
	if p.Bundled != "" {
		return "the binary"
	}
	return p.Path
}

// spec reads the module and puts the settings into the engine's words.
func (p *Plugin) spec(name string) (plugin.Spec, error) {
	if p == nil {
		p = &Plugin{}
	}
	code, err := p.code()
	if err != nil {
		return plugin.Spec{}, err
	}
	s := plugin.Spec{
		Name: name, Code: code, SHA256: p.SHA256, VMID: p.VMID, VMConfig: p.VMConfig, RootID: p.RootID, Config: p.Config,
		Env: p.Env, Phase: p.Phase, FailurePolicy: plugin.Policy(p.FailurePolicy), Instances: p.Instances,
		AllowOnHeadersStopIteration: p.AllowOnHeadersStopIteration, AllowMissingABIVersion: p.AllowMissingABIVersion,
		SkipOwnLocalReply: p.SkipOwnLocalReply, Profile: proxywasm.Profile(p.Profile), TickMode: plugin.TickMode(p.TickMode),
		StubUnknownImports: p.UnknownImports == stubImports, Trusted: p.Trusted,
	}
	if p.Allow != nil {
		s.Allow = p.Allow.spec()
		if err := checkDirect(p.Allow.Addresses); err != nil {
			return s, err
		}
	}
	if err := p.checkWords(); err != nil {
		return s, err
	}
	if p.Instances < 0 {
		return s, fmt.Errorf("instances %d: write a number above 0, or leave it out for one per processor", p.Instances)
	}
	if p.Limits != nil {
		if err := p.Limits.apply(&s); err != nil {
			return s, err
		}
	}
	if r := p.Recycle; r != nil {
		if r.Memory < 0 || r.Age < 0 || r.Requests < 0 {
			return s, errors.New("recycle: a value is below zero: leave it out for never")
		}
		s.Recycle = plugin.Recycle{Memory: r.Memory, Age: time.Duration(r.Age), Requests: int64(r.Requests)}
	}
	s.Breaker, err = p.CircuitBreaker.spec()
	return s, err
}

func (a *PluginAllow) spec() plugin.Allow {
	s := plugin.Allow{Functions: a.Functions, Upstreams: a.Upstreams, Addresses: a.Addresses}
	if h := a.Headers; h != nil {
		s.Headers = proxywasm.HeaderAccess{Read: h.Read, Write: h.Write}
	}
	return s
}

// checkAllowedUpstreams refuses a name that no upstream has: a list that permits nothing by mistake is hard to find later.
func (a *App) checkAllowedUpstreams() error {
	var problems []error
	for _, name := range sortedNames(a.Plugins) {
		p := a.Plugins[name]
		if p == nil || p.Allow == nil {
			continue
		}
		for _, u := range p.Allow.Upstreams {
			if a.Upstreams[u] != nil {
				continue
			}
			known := sortedNames(a.Upstreams)
			if meant := nearest.Word(u, known); meant != "" {
				problems = append(problems, fmt.Errorf("plugin %q: allow.upstreams: unknown upstream %q: did you mean %q?", name, u, meant))
				continue
			}
			problems = append(problems, fmt.Errorf("plugin %q: allow.upstreams: unknown upstream %q: write one of %q", name, u, known))
		}
	}
	return errors.Join(problems...)
}

func (b *PluginBreaker) spec() (plugin.Breaker, error) {
	if b == nil {
		return plugin.Breaker{}, nil
	}
	if b.FailureThreshold < 0 || b.Window < 0 || b.Timeout < 0 || b.MaxTimeout < 0 {
		return plugin.Breaker{}, errors.New("circuit_breaker: a value is below zero: leave it out for the default, or write disabled")
	}
	return plugin.Breaker{
		Disabled: b.Disabled, Failures: b.FailureThreshold, Window: time.Duration(b.Window),
		Timeout: time.Duration(b.Timeout), MaxTimeout: time.Duration(b.MaxTimeout),
	}, nil
}

// checkWords refuses a setting that is not one of its words.
func (p *Plugin) checkWords() error {
	for _, setting := range []struct {
		name, value string
		words       []string
	}{
		{"failure_policy", p.FailurePolicy, plugin.Policies()},
		{"profile", p.Profile, proxywasm.Profiles()},
		{"unknown_imports", p.UnknownImports, []string{"fail", stubImports}},
		{"tick_mode", p.TickMode, plugin.TickModes()},
	} {
		if setting.value != "" && !slices.Contains(setting.words, setting.value) {
			return fmt.Errorf("unknown %s %q: write one of %q", setting.name, setting.value, setting.words)
		}
	}
	return nil
}

// checkDirect refuses what is no address that a plugin could call directly.
func checkDirect(addresses []string) error {
	for _, address := range addresses {
		a, err := upstream.ParseAddress(address)
		if err != nil {
			return fmt.Errorf("allow.addresses: %w", err)
		}
		if a.Network != "tcp" {
			return fmt.Errorf("allow.addresses: %q is a socket: make it an upstream, which the plugin calls by its name", address)
		}
	}
	return nil
}

// stubImports is the word of unknown_imports that lets a module load.
const stubImports = "stub"

func (p *Plugin) code() ([]byte, error) {
	switch {
	case p.Path != "" && p.Bundled != "":
		return nil, errors.New("path and bundled are both set: keep one")
	case p.Path == "" && p.Bundled == "":
		return nil, errors.New("neither path nor bundled is set: name the .wasm file")
	case p.Path != "":
		return os.ReadFile(p.Path)
	}
	code, ok := plugins.Bundled(p.Bundled)
	if !ok {
		return nil, fmt.Errorf("no bundled plugin %q: there are %q", p.Bundled, plugins.BundledNames())
	}
	return code, nil
}

// pageSize is a page of WebAssembly memory.
const pageSize = 64 << 10

func (l *PluginLimits) apply(s *plugin.Spec) error {
	if name := l.belowZero(); name != "" {
		return fmt.Errorf("limits: %s is below zero: leave it out for the default", name)
	}
	if l.Memory > 4<<30 {
		return fmt.Errorf("limits: memory of %d bytes is more than WebAssembly's 4 GiB", l.Memory)
	}
	s.Limits = proxywasm.Limits{
		MemoryPages: uint32((l.Memory + pageSize - 1) / pageSize),
		CallTimeout: time.Duration(l.CallTimeout), StartTimeout: time.Duration(l.StartTimeout), CompileTimeout: time.Duration(l.CompileTimeout),
		DoneTimeout: time.Duration(l.DoneTimeout), TickPeriod: time.Duration(l.TickPeriod), ConfigBytes: l.Configuration,
		LogRate: l.LogRate, LogBytes: l.LogLine, Metrics: l.Metrics,
		SharedBytes: l.SharedData, QueueItems: l.QueueItems, QueueBytes: l.QueueData,
		Calls: l.Calls, StreamCalls: l.RequestCalls, StreamCallsInAll: l.RequestCallsInAll, CallBytes: l.CallBody, CallsBytes: l.CallBodies,
	}
	s.BodyLimit, s.PauseTimeout = l.Body, time.Duration(l.PauseTimeout)
	return nil
}

// belowZero names a limit that is, or nothing.
func (l *PluginLimits) belowZero() string {
	v := reflect.ValueOf(*l)
	for i := range v.NumField() {
		if v.Field(i).Int() < 0 {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return ""
}
