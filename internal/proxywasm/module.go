package proxywasm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Options are the settings of one module that cannot change once it is compiled.
type Options struct {
	// Name of the plugin, for errors.
	Name string
	// Limits bound what the plugin may use.
	Limits Limits
	// Cache holds compiled code; nil compiles anew.
	Cache wazero.CompilationCache
	// Callbacks may be called; the zero value stands for all that the module exports.
	Callbacks abi.CallbackSet
	// AllowOnHeadersStopIteration delivers body callbacks while a header callback has paused the stream.
	AllowOnHeadersStopIteration bool
	// Profile is the host whose quirks the plugin was built for. Default: ProfileLoom.
	Profile Profile
	// AllowMissingABIVersion takes a module without a proxy_abi_version_* export for one of ABI 0.2.1.
	AllowMissingABIVersion bool
	// StubUnknownImports links imports of env that no host has to a function that answers UNIMPLEMENTED.
	StubUnknownImports bool
	// Functions are the hostcalls, WASI functions and callbacks that the plugin may use, by the names of the ABI;
	// empty permits all. A hostcall that is not permitted answers INTERNAL_FAILURE, a callback is not called.
	Functions []string
}

// Module is a compiled plugin. It has a wazero runtime of its own, since the memory limit and the linked
// `env` are settings of a runtime.
type Module struct {
	options  Options
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	info     Info
	watchdog *watchdog
	callable [7]bool // by abi.Callback: exported and permitted
	refusals refusals
}

// Info says what a module is.
type Info struct {
	// ABIVersion is the newest version that the module is marked with, such as "0.2.1".
	ABIVersion string
	// Imports and Exports are the names of functions, sorted; imports are written module.name.
	Imports, Exports []string
	// Size of the module in bytes.
	Size int
}

// Compile checks, compiles and links a module. The error is one sentence that says why the module cannot
// be a plugin and what to do.
func Compile(ctx context.Context, code []byte, o Options) (*Module, error) {
	o.Limits = o.Limits.orDefaults()
	if err := screen(code, o.Limits); err != nil {
		return nil, err
	}
	config := wazero.NewRuntimeConfig().WithCloseOnContextDone(true).WithMemoryLimitPages(o.Limits.MemoryPages)
	if o.Cache != nil {
		config = config.WithCompilationCache(o.Cache)
	}
	m := &Module{options: o, runtime: wazero.NewRuntimeWithConfig(ctx, config)}
	if err := m.load(ctx, code); err != nil {
		return nil, errors.Join(err, m.runtime.Close(ctx))
	}
	m.watchdog = startWatchdog(o.Limits.CallTimeout)
	return m, nil
}

func (m *Module) load(ctx context.Context, code []byte) error {
	var err error
	if m.compiled, err = m.runtime.CompileModule(ctx, code); err != nil {
		return fmt.Errorf("compiling the module: %w", explainCompile(err))
	}
	m.info = inspect(m.compiled, len(code))
	for _, c := range abi.Callbacks() {
		m.callable[c] = slices.Contains(m.info.Exports, c.Export()) && m.options.Callbacks.Has(c)
	}
	if err := m.checkExports(); err != nil {
		return err
	}
	if err := linkWASI(ctx, m.runtime, m.compiled); err != nil {
		return fmt.Errorf("linking WASI: %w", err)
	}
	if err := linkEnv(ctx, m.runtime, m.compiled); err != nil {
		return fmt.Errorf("linking the module: %w", err)
	}
	return m.checkOtherImports()
}

func explainCompile(err error) error {
	if strings.Contains(err.Error(), "over limit of") {
		return fmt.Errorf("%w: raise the plugin's memory limit or build it with less initial memory", err)
	}
	return err
}

func inspect(c wazero.CompiledModule, size int) Info {
	info := Info{Size: size}
	for _, def := range c.ImportedFunctions() {
		module, name, _ := def.Import()
		info.Imports = append(info.Imports, module+"."+name)
	}
	for name := range c.ExportedFunctions() {
		info.Exports = append(info.Exports, name)
	}
	slices.Sort(info.Imports)
	slices.Sort(info.Exports)
	info.ABIVersion = markedVersion(info.Exports)
	return info
}

const versionMarker = "proxy_abi_version_"

// markedVersion is the newest ABI version that the exports are marked with.
func markedVersion(exports []string) string {
	for _, version := range []string{"0_2_100", "0_2_1", "0_2_0", "0_1_0"} {
		if slices.Contains(exports, versionMarker+version) {
			return strings.ReplaceAll(version, "_", ".")
		}
	}
	return ""
}

// checkExports refuses modules that cannot be a plugin, or whose callbacks have another type than the ABI's.
func (m *Module) checkExports() error {
	exports := m.info.Exports
	if m.info.ABIVersion == "" {
		for _, name := range exports {
			if version, ok := strings.CutPrefix(name, versionMarker); ok {
				return fmt.Errorf("the module is marked with ABI version %s, known are 0.1.0, 0.2.0 and 0.2.1: "+
					"build it with another version of its SDK", strings.ReplaceAll(version, "_", "."))
			}
		}
		return errors.New("the module exports no proxy_abi_version_* function, so it is not a Proxy-Wasm plugin: " +
			"build it with a Proxy-Wasm SDK (and as a library: cdylib in Rust, -buildmode=c-shared in Go)")
	}
	if !slices.Contains(exports, "proxy_on_memory_allocate") && !slices.Contains(exports, "malloc") {
		return errors.New("the module exports neither proxy_on_memory_allocate nor malloc, so it could not be handed any data: " +
			"export one of them")
	}
	if len(m.compiled.ExportedMemories()) == 0 {
		return errors.New("the module exports no memory, so it could not be handed any data: export it as `memory`")
	}
	return checkCallbackTypes(m.compiled.ExportedFunctions(), m.info.ABIVersion)
}

func (m *Module) checkOtherImports() error {
	for _, def := range m.compiled.ImportedFunctions() {
		module, name, _ := def.Import()
		if module != "env" && m.runtime.Module(module) == nil {
			return fmt.Errorf("the module imports %s from %q, which Proxy-Wasm does not have: "+
				"build it without that library, or for wasm32-wasip1", name, module)
		}
	}
	return nil
}

// Info says what the module is.
func (m *Module) Info() Info { return m.info }

// Has reports whether a stream callback is exported and permitted.
func (m *Module) Has(c abi.Callback) bool { return m.callable[c] }

// Close frees the module and all of its instances.
func (m *Module) Close(ctx context.Context) error {
	m.watchdog.stop()
	return m.runtime.Close(ctx)
}

// checkCallbackTypes compares every known export with its type in the ABI.
func checkCallbackTypes(exports map[string]api.FunctionDefinition, version string) error {
	for name, def := range exports {
		want, known := callbackType(name, version)
		if !known {
			continue
		}
		params, ok := signatureLetters(def.ParamTypes())
		results, ok2 := signatureLetters(def.ResultTypes())
		if !ok || !ok2 || params+">"+results != want {
			return fmt.Errorf("the export %s has another type than ABI %s gives it (%s, i = i32): rebuild the plugin with a matching SDK",
				signature(name, def.ParamTypes(), def.ResultTypes()), version, want)
		}
	}
	return nil
}
