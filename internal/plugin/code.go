package plugin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/loom-gateway/loom/internal/codestore"
	"github.com/loom-gateway/loom/internal/proxywasm"
)

// Code keeps compiled modules: in memory as long as a plugin uses them, so that plugins with the same module share one
// copy, and in a folder over restarts. There is nothing to close.
type Code struct {
	// compiling lets one module compile at a time: wazero offers others what is compiled before its entry points are there.
	compiling sync.Mutex
	cache     wazero.CompilationCache
	store     *codestore.Store // nil keeps none
	overdue   overdue
}

// NewCode keeps compiled modules in a folder; empty compiles anew at each start. With an error, which says why the folder
// cannot be used, the result is usable and does without.
func NewCode(folder string) (*Code, error) {
	if folder == "" {
		return &Code{cache: wazero.NewCompilationCache()}, nil
	}
	store, err := codestore.Open(folder)
	if err != nil {
		return &Code{cache: wazero.NewCompilationCache()}, fmt.Errorf("keeping compiled plugins on disk: %w", err)
	}
	cache, err := codestore.Cache(store)
	return &Code{cache: cache, store: store}, err
}

// Troubles says what went wrong with the folder since it was last asked; plugins run all the same.
func (c *Code) Troubles() error {
	if c == nil || c.store == nil {
		return nil
	}
	return c.store.Troubles()
}

// compileFunc is proxywasm.Compile.
type compileFunc func(context.Context, []byte, proxywasm.Options) (*proxywasm.Module, error)

// compile compiles a module, or finds what is compiled already; without a Code there is nothing to find.
func (c *Code) compile(ctx context.Context, code []byte, o proxywasm.Options) (*proxywasm.Module, error) {
	if c == nil {
		c = &Code{}
	}
	return c.compileWith(ctx, proxywasm.Compile, code, o)
}

// compileWith gives a compilation its time. wazero cannot be interrupted: one that is overdue goes on, and what it ends in is
// thrown away. (wazero would look at a context between functions, but only in goroutines of its own, where a panic of the
// compiler would end the gateway.)
func (c *Code) compileWith(ctx context.Context, compile compileFunc, code []byte, o proxywasm.Options) (*proxywasm.Module, error) {
	c.compiling.Lock()
	defer c.compiling.Unlock()
	id := sha256.Sum256(code)
	if err := c.overdue.admit(id); err != nil {
		return nil, err
	}
	o.Cache = c.cache
	type result struct {
		module *proxywasm.Module
		err    error
	}
	done := make(chan result, 1)
	go func() {
		m, err := compile(context.WithoutCancel(ctx), code, o)
		done <- result{m, err}
	}()
	limit := o.Limits.CompileTimeout
	if limit == 0 {
		limit = proxywasm.DefaultLimits().CompileTimeout
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.module, r.err
	case <-timer.C:
	}
	c.overdue.add(id)
	go func() {
		defer c.overdue.remove(id)
		if r := <-done; r.module != nil {
			_ = r.module.Close(context.WithoutCancel(ctx)) // nobody is left to hear of it
		}
	}()
	return nil, proxywasm.OverdueCompilation(limit)
}

// overdue is the compilations that go on although nobody waits for them, by the hash of their module.
type overdue struct {
	mu      sync.Mutex
	modules map[[sha256.Size]byte]bool
}

// maxOverdue leaves half of the processors to requests.
func maxOverdue() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// admit refuses what is being compiled already, and everything while there are too many.
func (o *overdue) admit(id [sha256.Size]byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.modules[id]:
		return errors.New("the module is still being compiled since it was refused for taking too long: load it again later, or another one")
	case len(o.modules) >= maxOverdue():
		return fmt.Errorf("%d modules are still being compiled that were refused for taking too long: load this one again later",
			len(o.modules))
	}
	return nil
}

func (o *overdue) add(id [sha256.Size]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.modules == nil {
		o.modules = map[[sha256.Size]byte]bool{}
	}
	o.modules[id] = true
}

func (o *overdue) remove(id [sha256.Size]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.modules, id)
}
