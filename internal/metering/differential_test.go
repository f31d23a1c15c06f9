package metering

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/wasmscreen"
	"github.com/loom-gateway/loom/internal/wasmscreen/wasmtest"
)

// The module names a function wherever the format lets it.
//
//go:embed testdata/indices.wasm
var indices []byte

// named has a name section: of the module, of two functions and of a variable.
func named() []byte {
	name := func(index byte, text string) []byte { return append([]byte{index}, wasmtest.Sized([]byte(text))...) }
	part := func(kind byte, content []byte) []byte { return append([]byte{kind}, wasmtest.Sized(content)...) }
	return slices.Concat(indices, wasmtest.Section(wasmscreen.CustomSection, slices.Concat(
		wasmtest.Sized([]byte("name")),
		part(0, wasmtest.Sized([]byte("indices"))),
		part(1, wasmtest.Listed(name(0, "doubling"), name(4, "fibonacci"), name(11, "falls deep"))),
		part(2, wasmtest.Listed(append([]byte{4}, wasmtest.Listed(name(0, "n"))...))),
	)))
}

// numbers exports a global, which a host module cannot.
func numbers() []byte {
	return wasmtest.Module(
		wasmtest.Section(wasmscreen.GlobalSection, wasmtest.Listed([]byte("\x7f\x00\x41\x14\x0b"))),
		wasmtest.Section(7, wasmtest.Listed(slices.Concat(wasmtest.Sized([]byte("base")), []byte{wasmscreen.ImportGlobal, 0}))),
	)
}

// run is a module on a bare wazero.
type run struct {
	module api.Module
	asked  int // how often the guest asked whether it may go on
}

func start(t testing.TB, code []byte) (*run, error) {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	t.Cleanup(func() { _ = r.Close(ctx) })
	it := &run{}
	host := r.NewHostModuleBuilder("host")
	host.NewFunctionBuilder().WithFunc(func(n uint32) uint32 { return 2 * n }).Export("twice")
	if _, err := host.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.InstantiateWithConfig(ctx, numbers(), wazero.NewModuleConfig().WithName("numbers")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.NewHostModuleBuilder(Module).NewFunctionBuilder().
		WithFunc(func() uint32 { it.asked++; return 10 }).Export(Function).Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	compiled, err := r.CompileModule(ctx, code)
	if err != nil {
		return nil, err
	}
	it.module, err = r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithStartFunctions())
	return it, err
}

// call returns the result, or the trap with its trace.
func (r *run) call(name string, argument uint64) string {
	results, err := r.module.ExportedFunction(name).Call(context.Background(), argument)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(results)
}

func rewritten(t testing.TB, code []byte) []byte {
	t.Helper()
	metered, changed, err := Rewrite(code, wasmscreen.DefaultLimits())
	if err != nil || !changed {
		t.Fatalf("changed: %v, %v", changed, err)
	}
	return metered
}

// withoutIndices makes traces comparable: a function without a name is called by its index there.
func withoutIndices(trace string) string {
	return regexp.MustCompile(`\.\$\d+`).ReplaceAllString(trace, ".$")
}

// Whatever has the index of a function has the right one afterwards, and nothing else is another.
func TestRewrittenModuleDoesTheSame(t *testing.T) {
	t.Parallel()
	for name, code := range map[string][]byte{"without names": indices, "with names": named()} {
		was, err := start(t, code)
		if err != nil {
			t.Fatal(name, err)
		}
		is, err := start(t, rewritten(t, code))
		if err != nil {
			t.Fatal(name, err)
		}
		for _, export := range []string{"fib", "factorial", "sum", "collatz", "indirect", "references", "bulk", "indirect", "trap", "fib"} {
			for _, argument := range []uint64{1, 2, 7, 20} {
				want, got := was.call(export, argument), is.call(export, argument)
				if withoutIndices(got) != withoutIndices(want) {
					t.Errorf("%s: %s(%d) = %s, want %s", name, export, argument, got, want)
				}
			}
		}
		if got, want := is.module.ExportedGlobal("started").Get(), was.module.ExportedGlobal("started").Get(); got != want || got == 0 {
			t.Errorf("%s: the start function left %d, want %d", name, got, want)
		}
		if a, b := all(t, is), all(t, was); !bytes.Equal(a, b) {
			t.Errorf("%s: the memories differ: %d and %d bytes", name, len(a), len(b))
		}
		if is.asked == 0 {
			t.Errorf("%s: it has never asked whether it may go on", name)
		}
	}
}

func all(t testing.TB, r *run) []byte {
	t.Helper()
	memory := r.module.Memory()
	data, ok := memory.Read(0, memory.Size())
	if !ok {
		t.Fatal("the memory cannot be read")
	}
	return data
}
