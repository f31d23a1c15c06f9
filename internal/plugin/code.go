package plugin

import (
	"context"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

// Code keeps compiled modules: in memory as long as a plugin uses them, so that plugins with the same module share one
// copy, and in a folder over restarts. There is nothing to close.
type Code struct {
	// compiling lets one module compile at a time: wazero offers others what is compiled before its entry points are there.
	compiling sync.Mutex
	cache     wazero.CompilationCache
}

// NewCode keeps compiled modules in a folder; empty compiles anew at each start. With an error, which says why the folder
// cannot be used, the result is usable and does without.
func NewCode(folder string) (*Code, error) {
	if folder == "" {
		return &Code{cache: wazero.NewCompilationCache()}, nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(folder)
	if err != nil {
		return &Code{cache: wazero.NewCompilationCache()}, fmt.Errorf("keeping compiled plugins in %s: %w", folder, err)
	}
	return &Code{cache: cache}, nil
}

// compile compiles a module, or finds what is compiled already; without a Code there is nothing to find.
func (c *Code) compile(ctx context.Context, code []byte, o proxywasm.Options) (*proxywasm.Module, error) {
	if c == nil {
		return proxywasm.Compile(ctx, code, o)
	}
	c.compiling.Lock()
	defer c.compiling.Unlock()
	o.Cache = c.cache
	return proxywasm.Compile(ctx, code, o)
}
