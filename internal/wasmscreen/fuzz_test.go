package wasmscreen

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/loom-gateway/loom/internal/wasmscreen/wasmtest"
)

// FuzzScreen holds what the screen says against the compiler: what is malformed for one is so for the other.
func FuzzScreen(f *testing.F) {
	for _, code := range realModules(f) {
		if len(code) < 2000 {
			f.Add(code)
		}
	}
	f.Add(wasmtest.SwitchBomb(10))
	f.Add(wasmtest.LoopBomb(2, 3))
	f.Add(wasmtest.Tables(1, []byte{1, 1, 10}))
	f.Add(wasmtest.Named(wasmtest.Listed([]byte{0, 1, 'f'})))
	f.Add(wasmtest.Function([]byte{0}, []byte{opVector, vecConst}, make([]byte, 16), []byte{opDrop, opMisc, 11, 0}))
	limits := DefaultLimits()
	limits.TableEntries, limits.BodyLocals = 1000, 1000
	f.Fuzz(func(t *testing.T, code []byte) {
		if len(code) > 16<<10 {
			t.Skip("too long for many of them")
		}
		_, err := Screen(code, limits)
		switch {
		case errors.Is(err, ErrMalformed) && strings.Contains(err.Error(), "claims a length"):
			return // the compiler might make room for it, and not all machines have that
		case errors.Is(err, ErrMalformed):
			if compile(code) == nil {
				t.Errorf("the compiler takes what is said to be malformed: %v", err)
			}
		case err == nil:
			_ = compile(code) // may refuse it for its types, and returns
		}
	})
}

// compile compiles a module; a panic of the compiler is a refusal.
func compile(code []byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(16))
	defer func() { err = errors.Join(err, r.Close(ctx)) }()
	_, err = r.CompileModule(ctx, code)
	return err
}
