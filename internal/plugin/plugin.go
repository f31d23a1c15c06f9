package plugin

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/callout"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
	"github.com/loom-gateway/loom/internal/shared"
)

// Deps is what a plugin needs of the gateway.
type Deps struct {
	// Code keeps compiled modules; nil compiles anew.
	Code *Code
	// Shared is the store of all plugins.
	Shared *shared.Store
	// Metrics are those that the guests define; nil keeps none.
	Metrics proxywasm.Metrics
	// Upstreams finds the upstreams that the plugin may call; SetUpstreams swaps it. Nil lets it call none.
	Upstreams callout.Lookup
	// Foreign are the foreign functions of the gateway; SetForeign swaps them. Nil: there are none.
	Foreign ForeignFunctions
	// Log is the first logger; SetLogger swaps it.
	Log *zap.Logger
}

// Plugin is a module with its running instances. It outlives configs: after Close it goes on until the last
// stream has finished.
type Plugin struct {
	spec   Spec
	module *proxywasm.Module
	space  *shared.View
	calls  callout.Caller
	stats  proxywasm.Metrics
	log    logSwitch
	// guestLog is what the guests write to.
	guestLog *guestLog
	hits     proxywasm.Hits
	foreign  foreignSwitch
	counts   stats
	costs    costs
	life     context.Context // ends when the plugin is freed
	end      context.CancelFunc
	jobs     sync.WaitGroup // replacements under way
	worn     chan struct{}  // wakes the recycler
	breaker  *breaker
	watch    breakerWatch

	disabled atomic.Bool // changed under mu

	live atomic.Pointer[[]*member] // what streams pick from
	next atomic.Uint32

	// mu is held while guests start and are configured, which may take seconds; requests never wait for it.
	mu       sync.Mutex
	members  []*member
	draining []*member           // were replaced and have streams
	contexts map[string]*Context // by configuration
	started  bool
	leader   *member // whose timers run, with TickLeader

	freed chan struct{} // closed when nothing is left of the plugin

	count   sync.Mutex // guards what follows, and users and streams of every Context
	streams int
	closed  bool
}

// Open compiles the module, starts all instances and configures them; an error refuses the plugin as a whole.
// Timers do not run before Start.
func Open(ctx context.Context, s Spec, d Deps) (*Plugin, error) {
	s, err := s.orDefaults()
	if err != nil {
		return nil, err
	}
	p := &Plugin{spec: s, space: d.Shared.OpenWithin(s.VMID, shared.Limits{Data: s.Limits.SharedBytes, QueueItems: s.Limits.QueueItems, Queues: s.Limits.QueueBytes}), stats: d.Metrics, contexts: map[string]*Context{}, freed: make(chan struct{}), worn: make(chan struct{}, 1)}
	p.breaker = newBreaker(s)
	p.life, p.end = context.WithCancel(context.Background())
	p.SetLogger(d.Log)
	p.guestLog = newGuestLog(&p.log, s, &p.hits)
	p.foreign.plugin = s.Name
	p.SetForeign(d.Foreign)
	p.calls.Allow(s.Allow.Upstreams, s.Allow.Addresses)
	p.SetUpstreams(d.Upstreams)
	if err := p.open(ctx, d.Code); err != nil {
		p.free()
		return nil, err
	}
	return p, nil
}

func (p *Plugin) open(ctx context.Context, code *Code) error {
	callbacks, err := abi.ParsePhase(p.spec.Phase)
	if err != nil {
		return err
	}
	p.module, err = code.compile(ctx, p.spec.Code, proxywasm.Options{
		Name: p.spec.Name, Limits: p.spec.Limits, Callbacks: callbacks,
		AllowOnHeadersStopIteration: p.spec.AllowOnHeadersStopIteration, Profile: p.spec.Profile,
		AllowMissingABIVersion: p.spec.AllowMissingABIVersion, StubUnknownImports: p.spec.StubUnknownImports,
		Hits: &p.hits, Functions: p.spec.Allow.Functions, Headers: p.spec.Allow.Headers, Trusted: p.spec.Trusted,
	})
	if trouble := code.Troubles(); trouble != nil {
		p.log.get().Warn("compiled plugins cannot be kept as they should", zap.Error(trouble))
	}
	if err != nil {
		return err
	}
	if tcp := p.module.Info().TCPCallbacks(); len(tcp) > 0 {
		// Not louder: the SDKs of Rust and Go export them in every plugin.
		p.log.get().Debug("the plugin's TCP callbacks are not called, for Loom runs HTTP filters",
			zap.String("plugin", p.spec.Name), zap.Strings("callbacks", tcp))
	}
	p.contexts[p.spec.Config] = &Context{plugin: p, config: p.spec.Config, users: 1}
	return p.startMembers(ctx)
}

// startMembers starts the first instance alone, so that what is wrong with all of them is said once.
func (p *Plugin) startMembers(ctx context.Context) error {
	p.members = make([]*member, p.spec.Instances)
	contexts := slices.Collect(maps.Values(p.contexts))
	first, err := p.newMember(ctx, contexts)
	if err != nil {
		return err
	}
	p.members[0] = first
	var wg sync.WaitGroup
	errs := make([]error, len(p.members))
	for i := 1; i < len(p.members); i++ {
		wg.Go(func() { p.members[i], errs[i] = p.newMember(ctx, contexts) })
	}
	wg.Wait()
	p.publish()
	return errors.Join(errs...)
}

// Spec is the plugin's settings with defaults filled in.
func (p *Plugin) Spec() Spec { return p.spec }

// SetLogger makes l the logger of the plugin and of its guests.
func (p *Plugin) SetLogger(l *zap.Logger) { p.log.set(l) }

// SetUpstreams makes l what finds the upstreams that the plugin calls.
func (p *Plugin) SetUpstreams(l callout.Lookup) { p.calls.SetLookup(l) }

// Start lets the guests' timers run.
func (p *Plugin) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started {
		return
	}
	p.started = true
	p.calls.Start()
	p.startTimers()
	if p.life.Err() == nil {
		p.jobs.Go(p.recycler)
	}
}

// Context returns the plugin with another configuration: one more plugin context in every instance. The same
// configuration is shared. Every Context needs one Release.
func (p *Plugin) Context(ctx context.Context, config string) (*Context, error) {
	if err := p.spec.checkConfigSize("config", config); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.contexts[config]; c != nil && c.use() {
		return c, nil
	}
	c := &Context{plugin: p, config: config, users: 1}
	dead := func(m *member) bool { return m.instance.Err() != nil }
	if !slices.ContainsFunc(p.members, func(m *member) bool { return !dead(m) }) {
		if err := p.tryOut(ctx, c); err != nil {
			return nil, err
		}
	}
	for _, m := range p.members {
		if dead(m) {
			continue // its replacement configures every context
		}
		if err := m.configure(ctx, c); err != nil {
			p.endContext(c)
			return nil, err
		}
	}
	p.contexts[config] = c
	return c, nil
}

// tryOut configures a context in an instance of its own when no other can say whether the plugin takes it: replacements
// that fail on it would never come up. The lock must be held.
func (p *Plugin) tryOut(ctx context.Context, c *Context) error {
	m, err := p.newMember(ctx, []*Context{c})
	if err != nil {
		return err
	}
	c.in.Delete(m)
	return p.closeInstance(ctx, m.instance)
}

// endContext ends a context in all instances. The lock must be held.
func (p *Plugin) endContext(c *Context) {
	for _, m := range slices.Concat(p.members, p.draining) {
		m.drop(c)
	}
}

// newMember makes one instance with the given contexts. It is not in the pool yet.
func (p *Plugin) newMember(ctx context.Context, contexts []*Context) (*member, error) {
	in, err := p.module.NewInstance(ctx, proxywasm.VMConfig{
		VMID: p.spec.VMID, Configuration: p.spec.VMConfig, Env: p.spec.Env, Properties: p.spec.Properties,
	}, proxywasm.Host{
		Log: p.guestLog, Shared: p.space, Queues: p.space, Metrics: p.stats, Foreign: &p.foreign,
		HTTP: &p.calls, GRPC: &p.calls, Redis: &p.calls,
	})
	if err != nil {
		return nil, err
	}
	p.counts.created.Add(1)
	p.costs.add(in)
	m := &member{plugin: p, instance: in, contexts: map[*Context]*proxywasm.PluginContext{}}
	for _, c := range contexts {
		if err := m.configure(ctx, c); err != nil {
			return nil, errors.Join(err, p.closeInstance(ctx, in))
		}
	}
	m.wear = newWear(p.spec, in)
	in.OnDeath(func(err error) { p.onDeath(m, err) })
	return m, nil
}

// publish makes the living instances those that streams pick from. The lock must be held, or nobody know the plugin yet.
func (p *Plugin) publish() {
	var live []*member
	for _, m := range p.members {
		if m != nil && m.instance.Err() == nil {
			live = append(live, m)
		}
	}
	p.live.Store(&live)
}
