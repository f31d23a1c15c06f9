package metering

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/loom-gateway/loom/internal/wasmscreen"
)

func committed(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, pattern := range []string{"../../plugins/*.wasm", "../../plugins/*/*.wasm", "../../bench/*/*.wasm", "../../examples/*/*.wasm", "../conformance/testdata/*.wasm"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			code, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all[path] = code
		}
	}
	return all
}

func TestCommittedModulesCompile(t *testing.T) {
	ctx := context.Background()
	for name, code := range committed(t) {
		if _, err := wasmscreen.Screen(code, wasmscreen.DefaultLimits()); err != nil {
			continue
		}
		metered, _, err := Rewrite(code, wasmscreen.DefaultLimits())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := wazero.NewRuntime(ctx)
		if _, err := r.CompileModule(ctx, metered); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_ = r.Close(ctx)
	}
}
