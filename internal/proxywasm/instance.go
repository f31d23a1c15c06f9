package proxywasm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/expression"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// VMConfig is what all plugin contexts of an instance share.
type VMConfig struct {
	// VMID scopes shared data and queues.
	VMID string
	// Configuration is handed to proxy_on_vm_start.
	Configuration string
	// Env is the environment that WASI shows; nothing of the process's own.
	Env map[string]string
	// Properties are those that are the same in every context, such as node, by path and in their wire form.
	Properties map[string][]byte
}

// Instance is one VM: the guest's memory and the contexts in it. Guests are single threaded and must not
// be entered twice, so there is one lock, which is held only while guest code runs.
type Instance struct {
	module *Module
	host   Host
	vm     VMConfig
	env    []string

	guest     api.Module
	memory    api.Memory
	allocator api.Function
	exports   exports
	ctx       *guestContext
	began     time.Time

	mu         sync.Mutex
	stack      [8]uint64
	allocStack [1]uint64
	loading    bool          // the module's start functions run
	allocating bool          // the guest's allocator runs
	starting   bool          // proxy_on_vm_start runs
	allowance  time.Duration // the time limit of the next call
	current    scope         // whose callback runs
	effective  scope         // on which context hostcalls act (proxy_set_effective_context)
	scopes     map[uint32]scope
	lastID     uint32
	ticking    bool
	running    api.Function // the callback that runs
	reason     string       // why the running hostcall does not do what it was asked for, see refuse
	about      string       // what that is about
	words      words        // of a plugin context that is being configured
	calls      calls
	scratch    []byte     // reused for answers that are built up
	pairs      []abi.Pair // likewise
	// expressions are the guest's own; foreignArguments is buffer 8 while its callback runs.
	expressions      expression.Set
	foreignArguments []byte
	onDeath          func(error)
	leaving          []*PluginContext // said proxy_done in the callback that runs
	quiet            chan struct{}    // of Shutdown
	isQuiet          bool

	meter    meter
	deadline time.Duration // of the call that is under way, counted from began
	worked   uint32        // by the host since it last looked at the clock
	dead     atomic.Pointer[error]
}

// guestContext carries the instance to the hostcalls: they find it by a type assertion instead of a search.
type guestContext struct {
	context.Context
	in *Instance
}

type instanceKey struct{}

func (c *guestContext) Value(key any) any {
	if _, ok := key.(instanceKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// instanceOf finds the instance whose guest made a hostcall.
func instanceOf(ctx context.Context, mod api.Module) *Instance {
	c, ok := ctx.(*guestContext)
	if !ok {
		c = ctx.Value(instanceKey{}).(*guestContext)
	}
	if c.in.memory == nil { // the module's own start section is running
		c.in.memory = mod.Memory()
	}
	return c.in
}

// NewInstance instantiates the module and runs its start functions (section "Lifecycle"). The instance has no plugin
// context yet. ctx bounds the start; h is kept for the instance's life.
func (m *Module) NewInstance(ctx context.Context, c VMConfig, h Host) (*Instance, error) {
	in := &Instance{
		module: m, host: h.orDefaults(), vm: c, env: environment(c.Env), began: time.Now(),
		scopes: map[uint32]scope{}, allowance: m.options.Limits.StartTimeout,
		calls: calls{open: map[uint32]*openCall{}},
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.instantiate(ctx); err != nil {
		return nil, err
	}
	if err := in.start(); err != nil {
		return nil, errors.Join(err, in.free(ctx))
	}
	in.allowance = m.options.Limits.CallTimeout
	return in, nil
}

func (in *Instance) instantiate(ctx context.Context) error {
	ctx = withLinearMemory(ctx)
	in.loading = true
	in.deadline = time.Since(in.began) + in.allowance
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	in.ctx = &guestContext{Context: ctx, in: in}
	guest, err := in.module.runtime.InstantiateModule(in.ctx, in.module.compiled, config)
	if err != nil {
		return fmt.Errorf("instantiating plugin %q: %w", in.module.options.Name, in.module.explainInstantiate(err))
	}
	in.guest, in.memory = guest, guest.Memory()
	in.meter.memory.Store(in.memory.Size())
	in.countFull()
	in.ctx = &guestContext{Context: context.Background(), in: in}
	// The specification prefers proxy_on_memory_allocate; TinyGo's malloc keeps what it returns for ever.
	if in.allocator = guest.ExportedFunction("proxy_on_memory_allocate"); in.allocator == nil {
		in.allocator = guest.ExportedFunction("malloc")
	}
	in.lookUpExports()
	return nil
}

// start runs _initialize and then main, or else _start.
func (in *Instance) start() error {
	for _, name := range startFunctions(in.module.info.Exports) {
		fn := in.export(name)
		args := make([]uint64, len(fn.fn.Definition().ParamTypes()))
		_, err := in.call(fn, scope{}, 0, args...)
		if code := exitError(0); errors.As(err, &code) && code == 0 {
			in.dead.Store(nil) // a command that ends well (TinyGo) stays usable
			continue
		}
		if err != nil {
			return err
		}
	}
	in.loading = false
	return nil
}

func startFunctions(exports []string) []string {
	if !slices.Contains(exports, "_initialize") {
		if slices.Contains(exports, "_start") {
			return []string{"_start"}
		}
		return nil
	}
	for _, name := range []string{"main", "__main_void"} {
		if slices.Contains(exports, name) {
			return []string{"_initialize", name}
		}
	}
	return []string{"_initialize"}
}

// Start lets timers run and queues be told. Until then set_tick_period is only remembered, so that a configuration that is
// merely validated does nothing.
func (in *Instance) Start() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ticking = true
	for _, s := range in.scopes {
		if s.stream == nil {
			s.plugin.armTick()
			in.host.Queues.Remind(s.plugin)
		}
	}
}

// Stop ends what Start began.
func (in *Instance) Stop() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ticking = false
	for _, s := range in.scopes {
		if s.stream == nil {
			s.plugin.stopTick()
		}
	}
}

// Err is nil while the instance is usable, and says afterwards why it died.
func (in *Instance) Err() error {
	if err := in.dead.Load(); err != nil {
		return *err
	}
	return nil
}

// OnDeath sets what is called, once and on another goroutine, when the instance dies.
func (in *Instance) OnDeath(f func(error)) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.onDeath = f
}

// Age is the time since the instance was made.
func (in *Instance) Age() time.Duration { return time.Since(in.began) }

var errClosed = errors.New("the instance is closed")

func (in *Instance) free(ctx context.Context) error {
	in.dropCalls(nil)
	return in.guest.Close(ctx)
}

// newID returns a context id that is not in use.
func (in *Instance) newID() uint32 {
	for {
		in.lastID++
		if _, used := in.scopes[in.lastID]; !used && in.lastID != 0 {
			return in.lastID
		}
	}
}
