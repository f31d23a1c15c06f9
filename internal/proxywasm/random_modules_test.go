package proxywasm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/wasmscreen"
)

// randomModules is how many modules binaryen makes up for TestRandomModules; RANDOM_MODULES is another number.
const randomModules = 40

// Sets of WebAssembly's features: what Loom runs, what the oldest tools emit, and what Loom refuses.
const (
	featuresOfLoom = "--enable-mutable-globals --enable-sign-ext --enable-nontrapping-float-to-int --enable-bulk-memory " +
		"--enable-simd --enable-multivalue" // and reference types, which binaryen 108 writes as an old proposal did
	featuresOfMVP = "--mvp-features"
	tooManyOfThem = featuresOfLoom + " --enable-tail-call --enable-exception-handling --enable-threads"
)

// binaryen makes valid modules of random bytes. They have an allocator and the marker of the ABI, and what the fuzzer would
// import does nothing.
type binaryen struct{ optimizer, assembler, base string }

func findBinaryen(t *testing.T) binaryen {
	t.Helper()
	optimizer, err1 := exec.LookPath("wasm-opt")
	assembler, err2 := exec.LookPath("wasm-as")
	if err := errors.Join(err1, err2); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("on Debian, apt-get install binaryen: %v", err)
	}
	return binaryen{optimizer, assembler, "../conformance/testdata/bare.wasm"}
}

var (
	fuzzImport = regexp.MustCompile(`(?m)^ *\(import "fuzzing-support" "[^"]*" (\(func .*\))\)$`)
	invoker    = regexp.MustCompile(`\(export "func[_0-9]*_invoker"`)
)

// module is the same for the same seed; there is none for a few of them.
func (b binaryen) module(t *testing.T, seed uint64, features string) []byte {
	t.Helper()
	dir := t.TempDir()
	input, text, module := filepath.Join(dir, "input"), filepath.Join(dir, "module.wat"), filepath.Join(dir, "module.wasm")
	random := rand.New(rand.NewPCG(seed, 0))
	bytes := make([]byte, 200+random.IntN(8000))
	for i := range bytes {
		bytes[i] = byte(random.Uint32())
	}
	if err := os.WriteFile(input, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	args := strings.Fields(features)
	b.must(t, b.optimizer, append(slices.Clone(args), "-ttf", input, "--initial-fuzz="+b.base, "--denan", "-S", "-o", text)...)
	wat, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	wat = fuzzImport.ReplaceAll(wat, []byte("$1"))
	if at := invoker.FindIndex(wat); at != nil { // it runs when the instance starts
		wat = slices.Concat(wat[:at[0]], []byte(`(export "_initialize"`), wat[at[1]:])
	}
	if err := os.WriteFile(text, wat, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.run(t, b.assembler, append(args, text, "-o", module)...); err != nil {
		return nil // not all that it prints it can read
	}
	code, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func (b binaryen) must(t *testing.T, name string, args ...string) {
	t.Helper()
	if err := b.run(t, name, args...); err != nil {
		t.Fatal(err)
	}
}

func (b binaryen) run(t *testing.T, name string, args ...string) error {
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, out)
	}
	return nil
}

// TestRandomModules loads modules that nobody wrote: each is refused with one sentence or runs within its limits, the screen and the
// compiler agree on them, and what runs answers as in a bare wazero, which has no limits.
func TestRandomModules(t *testing.T) {
	b, n := findBinaryen(t), randomModules
	if text := os.Getenv("RANDOM_MODULES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	features := []string{featuresOfLoom, featuresOfLoom, featuresOfMVP, tooManyOfThem}
	var count tallyOfModules
	for seed := uint64(0); count.sum() < n; seed++ {
		set := features[seed%uint64(len(features))]
		code := b.module(t, seed, set)
		if code == nil {
			continue
		}
		name := fmt.Sprintf("seed %d with %s", seed, set)
		checkScreen(t, name, code, set)
		count.add(t, name, code)
		for range 4 { // the same with some bytes changed, which are mostly no module any more
			checkScreen(t, name+", damaged", damaged(code, rand.New(rand.NewPCG(seed, 1))), "")
		}
	}
	t.Logf("of %d modules %d were refused, %d trapped at their start, %d ran; of %d calls %d trapped", n, count.refused, count.trapped,
		count.ran, count.calls, count.traps)
	if count.ran == 0 || count.calls == count.traps {
		t.Error("nothing ran")
	}
}

func damaged(code []byte, random *rand.Rand) []byte {
	code = slices.Clone(code)
	for range 1 + random.IntN(4) {
		code[8+random.IntN(len(code)-8)] = byte(random.Uint32())
	}
	if random.IntN(4) == 0 {
		code = code[:8+random.IntN(len(code)-8)]
	}
	return code
}

// checkScreen holds the screen against the compiler. Binaryen's modules are valid, so that none is malformed, and of those with
// Loom's features none may be new to the compiler.
func checkScreen(t *testing.T, name string, code []byte, features string) {
	t.Helper()
	_, screened := wasmscreen.Screen(code, wasmscreen.DefaultLimits())
	if errors.Is(screened, wasmscreen.ErrMalformed) && strings.Contains(screened.Error(), "claims a length") {
		return // the compiler might make room for it
	}
	if screened != nil && !errors.Is(screened, wasmscreen.ErrMalformed) && features == "" {
		return // it is not malformed, and more than the compiler should be asked
	}
	compiled := compileBare(code)
	switch {
	case errors.Is(screened, wasmscreen.ErrMalformed) && (compiled == nil || features != ""):
		t.Errorf("%s: the screen says %v, the compiler %v", name, screened, compiled)
	case features != "" && features != tooManyOfThem && screened == nil && compiled != nil:
		t.Errorf("%s: the screen lets it pass, and the compiler says %v", name, compiled)
	}
}

// compileBare is the compiler's opinion; a panic is a refusal, as in Compile.
func compileBare(code []byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	r := bareRuntime()
	defer func() { err = errors.Join(err, r.Close(context.Background())) }()
	_, err = r.CompileModule(context.Background(), code)
	return err
}

func bareRuntime() wazero.Runtime {
	return wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfig().WithMemoryLimitPages(DefaultLimits().MemoryPages))
}

type tallyOfModules struct{ refused, trapped, ran, calls, traps int }

func (c *tallyOfModules) sum() int { return c.refused + c.trapped + c.ran }

// add loads a module and calls all that it exports, here and in a bare wazero.
func (c *tallyOfModules) add(t *testing.T, name string, code []byte) {
	t.Helper()
	ctx := t.Context()
	m, err := Compile(ctx, code, Options{Name: "random", Limits: Limits{CallTimeout: 20 * time.Second, StartTimeout: 20 * time.Second}})
	if err != nil {
		c.refused++
		if text := err.Error(); strings.Contains(text, "\n") || strings.Contains(text, "runtime error") {
			t.Errorf("%s is refused in these words: %s", name, text)
		}
		return
	}
	defer func() { _ = m.Close(ctx) }()
	bare := bareRuntime()
	defer func() { _ = bare.Close(ctx) }()
	compiled, err := bare.CompileModule(ctx, code)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	in, err := m.NewInstance(ctx, VMConfig{}, Host{Log: &recorder{}})
	twin, twinErr := bare.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil || twinErr != nil {
		c.trapped++
		if (err == nil || twinErr == nil) && !differsByStack(err, twinErr) {
			t.Errorf("%s starts with %v, in a bare wazero with %v", name, err, twinErr)
		}
		return
	}
	c.ran++
	c.callAll(t, name, in, twin)
	_ = in.Close(ctx)
}

// differsByStack reports whether one of two runs ended for lack of stack, of which metered code may need more.
func differsByStack(errs ...error) bool { return strings.Contains(fmt.Sprint(errs), "stack overflow") }

func (c *tallyOfModules) callAll(t *testing.T, name string, in *Instance, twin api.Module) {
	t.Helper()
	exports := twin.ExportedFunctionDefinitions()
	names := make([]string, 0, len(exports))
	for export := range exports {
		names = append(names, export)
	}
	slices.Sort(names)
	for _, export := range names {
		def := exports[export]
		if !plainTypes(def.ParamTypes()) || !plainTypes(def.ResultTypes()) || len(def.ResultTypes()) > 1 {
			continue
		}
		if _, ok := exports["hangLimitInitializer"]; ok && !c.same(t, name, in, twin, exports["hangLimitInitializer"]) {
			return
		}
		if !c.same(t, name, in, twin, def) {
			return
		}
	}
	if hash := exports["hashMemory"]; hash != nil {
		c.same(t, name, in, twin, hash)
	}
}

// plainTypes are those that a call can have here: numbers, and not more than the instance has room for.
func plainTypes(types []api.ValueType) bool {
	number := func(t api.ValueType) bool {
		return t == api.ValueTypeI32 || t == api.ValueTypeI64 || t == api.ValueTypeF32 || t == api.ValueTypeF64
	}
	return len(types) <= 8 && !slices.ContainsFunc(types, func(t api.ValueType) bool { return !number(t) })
}

// same calls a function of both and compares what it answers; false when it ended the instance.
func (c *tallyOfModules) same(t *testing.T, name string, in *Instance, twin api.Module, def api.FunctionDefinition) bool {
	t.Helper()
	export := def.ExportNames()[0]
	var args []uint64
	for i, kind := range def.ParamTypes() {
		args = append(args, []uint64{3, 1000, math.MaxInt32}[i%3])
		if kind == api.ValueTypeF32 {
			args[i] = uint64(math.Float32bits(float32(i) + 0.5))
		}
	}
	in.mu.Lock()
	_, err := in.call(in.export(export), scope{}, 0, args...)
	got := in.stack[0]
	in.mu.Unlock()
	c.calls++
	if errors.Is(err, ErrOverdue) {
		t.Errorf("%s: %s does not end", name, export)
		return false
	}
	want, twinErr := twin.ExportedFunction(export).Call(context.Background(), args...)
	if err != nil || twinErr != nil {
		c.traps++
		if (err == nil || twinErr == nil || !strings.Contains(err.Error(), firstLine(twinErr))) && !differsByStack(err, twinErr) {
			t.Errorf("%s: %s ends with %v, in a bare wazero with %v", name, export, err, twinErr)
		}
		return false
	}
	if len(want) == 1 && !sameNumber(def.ResultTypes()[0], got, want[0]) {
		t.Errorf("%s: %s%v is %#x, in a bare wazero %#x", name, export, args, got, want[0])
	}
	return true
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimSuffix(line, " (recovered by wazero)")
}

// sameNumber takes all NaNs for the same.
func sameNumber(kind api.ValueType, a, b uint64) bool {
	switch kind {
	case api.ValueTypeI32:
		return uint32(a) == uint32(b)
	case api.ValueTypeF32:
		x, y := math.Float32frombits(uint32(a)), math.Float32frombits(uint32(b))
		return uint32(a) == uint32(b) || x != x && y != y
	case api.ValueTypeF64:
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		return a == b || x != x && y != y
	}
	return a == b
}
