package plugin

import (
	"fmt"

	"github.com/tetratelabs/wazero"
)

// Code keeps compiled modules: in memory as long as a plugin uses them, so that plugins with the same module share one
// copy, and in a folder over restarts. There is nothing to close.
type Code struct{ cache wazero.CompilationCache }

// NewCode keeps compiled modules in a folder; empty compiles anew at each start. With an error, which says why the folder
// cannot be used, the result is usable and does without.
func NewCode(folder string) (*Code, error) {
	if folder == "" {
		return &Code{wazero.NewCompilationCache()}, nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(folder)
	if err != nil {
		return &Code{wazero.NewCompilationCache()}, fmt.Errorf("keeping compiled plugins in %s: %w", folder, err)
	}
	return &Code{cache}, nil
}

// cacheOf is the cache of a plugin; without a Code it has none.
func (c *Code) cacheOf() wazero.CompilationCache {
	if c == nil {
		return nil
	}
	return c.cache
}
