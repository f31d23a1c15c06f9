package metering

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/loom-gateway/loom/internal/wasmscreen"
)

// FuzzRewrite: of what the screen lets pass, wazero takes the rewritten module exactly if it takes the module as it was.
func FuzzRewrite(f *testing.F) {
	f.Add(indices)
	f.Add(named())
	paths, err := filepath.Glob("../*/testdata/*.wasm")
	if err != nil || len(paths) == 0 {
		f.Fatal("no modules in testdata", err)
	}
	for _, path := range paths {
		code, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(code) < 8<<10 {
			f.Add(code)
		}
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		limits := wasmscreen.DefaultLimits()
		if _, err := wasmscreen.Screen(code, limits); err != nil {
			return
		}
		was := compiles(code)
		metered, _, err := Rewrite(code, limits)
		if err != nil {
			if was == nil {
				t.Fatalf("a module that wazero takes is refused: %v", err)
			}
			return
		}
		if is := compiles(metered); (was == nil) != (is == nil) {
			t.Fatalf("wazero says %v before and %v after the rewriting", was, is)
		}
	})
}

// compiles takes a panic for a refusal: wazero has some where a function's index is out of range, and the loader recovers.
func compiles(code []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	_, err = r.CompileModule(ctx, code)
	return err
}
