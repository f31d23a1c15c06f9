package proxywasm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Linking: the host's modules are built from the import section of the guest at hand, because a name may come with
// several signatures. The superset of all ABI versions is offered to every module.

const envModule = "env"

// wasiModules are the two names of the same functions.
func wasiModules() []string { return []string{"wasi_snapshot_preview1", "wasi_unstable"} }

// link gives the module its imports, or says in one sentence which of them no host offers.
func (m *Module) link(ctx context.Context) error {
	var missing missingImports
	byModule := map[string][]api.FunctionDefinition{}
	for _, def := range m.imports() {
		from, _, _ := def.Import()
		byModule[from] = append(byModule[from], def)
	}
	for _, from := range slices.Sorted(maps.Keys(byModule)) {
		if err := m.linkModule(ctx, from, byModule[from], &missing); err != nil {
			return fmt.Errorf("linking module %s: %w", from, err)
		}
	}
	for _, memory := range m.compiled.ImportedMemories() {
		from, name, _ := memory.Import()
		missing.add("link it without --import-memory", from+"."+name+", a memory")
	}
	m.info.Missing = missing.names
	if err := missing.err(); err != nil {
		return err
	}
	return m.linkMetering(ctx)
}

func (m *Module) linkModule(ctx context.Context, from string, imports []api.FunctionDefinition, missing *missingImports) error {
	builder, known := m.runtime.NewHostModuleBuilder(from), map[string]bool{}
	for _, def := range imports {
		_, name, _ := def.Import()
		if known[name] {
			continue
		}
		known[name] = true
		fn, advice := m.resolve(from, def)
		if fn == nil {
			missing.add(advice, signature(from+"."+name, def.ParamTypes(), def.ResultTypes()))
			continue
		}
		builder.NewFunctionBuilder().WithGoModuleFunction(fn, def.ParamTypes(), def.ResultTypes()).Export(name)
	}
	_, err := builder.Instantiate(ctx)
	return err
}

// resolve finds the function for an import, or what its author can do about it.
func (m *Module) resolve(from string, def api.FunctionDefinition) (fn api.GoModuleFunction, advice string) {
	_, name, _ := def.Import()
	if slices.Contains(wasiModules(), from) {
		return m.resolveWASI(name, def)
	}
	if from != envModule {
		return nil, foreignModuleAdvice(from)
	}
	if fn := resolveToolchain(name, def); fn != nil {
		return fn, ""
	}
	fn, known := m.resolveHostcall(name, def)
	switch {
	case fn != nil:
		return fn, ""
	case known:
		return nil, "rebuild it with a current SDK, the ABI has " + strings.Join(hostcallTypes(name), " or ")
	case m.options.StubUnknownImports:
		return stub(name, def), ""
	}
	return nil, "build it without libraries of other hosts, or set unknown_imports to stub, with which these calls fail and the others work"
}

// resolveHostcall finds the hostcall of an import; known says that there is one with another signature.
func (m *Module) resolveHostcall(name string, def api.FunctionDefinition) (fn api.GoModuleFunction, known bool) {
	letters, ok := signatureLetters(def.ParamTypes())
	for _, h := range hostcalls() {
		if h.name != name {
			continue
		}
		known = true
		if !m.permits(name) {
			h.call, h.early = (*Instance).denied, true
		}
		if ok && h.params == letters && answersStatus(def) {
			return h.adapt(len(def.ResultTypes()) == 1), true
		}
	}
	return nil, known
}

// answersStatus reports whether an import has a result that a status fits in: one i32, or none, as in ABI 0.1.0's text.
func answersStatus(def api.FunctionDefinition) bool {
	results := def.ResultTypes()
	return len(results) == 0 || (len(results) == 1 && results[0] == api.ValueTypeI32)
}

// hostcallTypes prints the types that a hostcall has in the ABI.
func hostcallTypes(name string) []string {
	var types []string
	for _, h := range hostcalls() {
		if h.name == name {
			types = append(types, signature(name, typesOf(h.params), []api.ValueType{api.ValueTypeI32}))
		}
	}
	return types
}

// stub answers an import that no host has: UNIMPLEMENTED where a status fits, else the call ends the instance.
func stub(name string, def api.FunctionDefinition) api.GoModuleFunction {
	results := def.ResultTypes()
	if len(results) != 1 || results[0] != api.ValueTypeI32 {
		return api.GoModuleFunc(func(context.Context, api.Module, []uint64) {
			panic(fmt.Errorf("the plugin called %s, which no Proxy-Wasm host offers", signature(name, def.ParamTypes(), results)))
		})
	}
	return api.GoModuleFunc(func(ctx context.Context, mod api.Module, stack []uint64) {
		in := instanceOf(ctx, mod)
		in.reason, in.about = "", ""
		in.reportRefusal(name, abi.StatusUnimplemented, abi.StatusUnimplemented)
		stack[0] = uint64(abi.StatusUnimplemented)
	})
}

// foreignModuleAdvice knows what the usual strangers among import modules come from.
func foreignModuleAdvice(from string) string {
	switch {
	case from == "gojs" || from == "go":
		return "build it with GOOS=wasip1 and -buildmode=c-shared instead of GOOS=js"
	case strings.HasPrefix(from, "wasi:"):
		return "build it for wasm32-wasip1 instead of wasip2"
	case strings.HasPrefix(from, "wasi"):
		return "build it for WASI preview 1 (wasm32-wasip1)"
	case from == "wbg" || strings.HasPrefix(from, "__wbindgen"):
		return "build it for wasm32-wasip1 and without crates that use wasm-bindgen (such as the js feature of getrandom)"
	}
	return "build it without the library that needs them"
}

// missingImports collects what no host offers, by what can be done about it.
type missingImports struct {
	names    []string
	advice   []string // in the order in which it was first given
	byAdvice map[string][]string
}

func (l *missingImports) add(advice, name string) {
	if l.byAdvice == nil {
		l.byAdvice = map[string][]string{}
	}
	if l.byAdvice[advice] == nil {
		l.advice = append(l.advice, advice)
	}
	l.byAdvice[advice] = append(l.byAdvice[advice], name)
	l.names = append(l.names, name)
}

func (l *missingImports) err() error {
	if len(l.names) == 0 {
		return nil
	}
	parts := make([]string, len(l.advice))
	for i, advice := range l.advice {
		parts[i] = strings.Join(l.byAdvice[advice], ", ") + ": " + advice
	}
	return errors.New("the module imports what Loom does not offer, " + strings.Join(parts, "; "))
}

func signatureLetters(types []api.ValueType) (string, bool) {
	letters := make([]byte, len(types))
	for i, t := range types {
		switch t {
		case api.ValueTypeI32:
			letters[i] = 'i'
		case api.ValueTypeI64:
			letters[i] = 'I'
		default:
			return "", false
		}
	}
	return string(letters), true
}

// typesOf reads the letters that the tables use.
func typesOf(letters string) []api.ValueType {
	types := make([]api.ValueType, len(letters))
	for i := range letters {
		types[i] = api.ValueTypeI32
		if letters[i] == 'I' {
			types[i] = api.ValueTypeI64
		}
	}
	return types
}

// signature prints a function type for an error message.
func signature(name string, in, out []api.ValueType) string {
	names := func(types []api.ValueType) string {
		list := make([]string, len(types))
		for i, t := range types {
			list[i] = api.ValueTypeName(t)
		}
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s(%s) -> (%s)", name, names(in), names(out))
}
