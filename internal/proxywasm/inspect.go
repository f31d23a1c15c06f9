package proxywasm

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Inspect says what a module is, as far as it can be known, also of one that Compile refuses. The error is Compile's, or that of
// OverdueCompilation: then the compilation goes on by itself, and with it a goroutine, for wazero cannot be interrupted.
func Inspect(ctx context.Context, code []byte, o Options) (Info, error) {
	o.Trusted = true // it never runs
	type result struct {
		info Info
		err  error
	}
	done := make(chan result, 1)
	go func() {
		m, err := newModule(ctx, code, o)
		done <- result{m.info, errors.Join(err, m.closeRuntime(ctx))}
	}()
	limit := o.Limits.OrDefaults().CompileTimeout
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.info, r.err
	case <-timer.C:
		return Info{Size: len(code)}, OverdueCompilation(limit)
	}
}

// OverdueCompilation is the error of a module that takes longer to compile than its limit.
func OverdueCompilation(limit time.Duration) error {
	return fmt.Errorf("compiling the module takes longer than %v, although it has the shape of a plugin: split its largest functions, "+
		"build it with less inlining, or raise the plugin's limits.compile_timeout", limit)
}
