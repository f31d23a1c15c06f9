package proxywasm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"

	"github.com/loom-gateway/loom/internal/expression"
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
	// Trusted leaves out the time limits of guest code and what they cost.
	Trusted bool
	// Functions are the hostcalls, WASI functions and callbacks that the plugin may use, by the names of the ABI;
	// empty permits all. A hostcall that is not permitted answers INTERNAL_FAILURE, a callback is not called.
	Functions []string
	// Headers that the plugin may read and change. Default: all.
	Headers HeaderAccess
	// Hits counts the limits that took effect; nil: nobody wants to know.
	Hits *Hits
}

// Module is a compiled plugin. It has a wazero runtime of its own, since the memory limit and the linked
// `env` are settings of a runtime.
type Module struct {
	options  Options
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	info     Info
	metered  bool // the last import is not the plugin's own, see metering
	// expressions compiles those of all instances.
	expressions expression.Compiler
	callable    [7]bool // by abi.Callback: exported and permitted
	refusals    refusals
	access      *access // nil: all headers
	denials     denials
}

// Compile checks, compiles and links a module. The error is one sentence that says why the module cannot
// be a plugin and what to do.
func Compile(ctx context.Context, code []byte, o Options) (*Module, error) {
	m, err := newModule(ctx, code, o)
	if err != nil {
		return nil, errors.Join(err, m.closeRuntime(ctx))
	}
	return m, nil
}

// newModule returns what there is of a module with the error that it ended in. It is never nil. A panic of the compiler is an
// error: a file that nobody has seen before must not end the gateway.
func newModule(ctx context.Context, code []byte, o Options) (m *Module, err error) {
	o.Limits = o.Limits.OrDefaults()
	if o.Hits == nil {
		o.Hits = new(Hits)
	}
	m = &Module{options: o, info: Info{Size: len(code), Version: versionOf(code)}}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("compiling the module: it is not valid WebAssembly (%v): build it again", v)
		}
	}()
	if err := screen(code, o.Limits); err != nil {
		return m, err
	}
	metered, err := m.rewrite(code)
	if err != nil {
		return m, err
	}
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(o.Limits.MemoryPages)
	if o.Cache != nil {
		config = config.WithCompilationCache(o.Cache)
	}
	m.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	err = m.load(ctx, code, metered)
	return m, err
}

// load compiles what the module was rewritten to, and links it.
func (m *Module) load(ctx context.Context, code, metered []byte) (err error) {
	if m.compiled, err = m.runtime.CompileModule(ctx, metered); err != nil {
		return fmt.Errorf("compiling the module: %w", explainCompile(err))
	}
	if err := checkFunctions(m.options.Functions); err != nil {
		return err
	}
	if m.access, err = newAccess(m.options.Headers); err != nil {
		return err
	}
	m.info.read(m.imports(), m.compiled, m.options)
	for _, c := range abi.Callbacks() {
		m.callable[c] = slices.Contains(m.info.Exports, c.Export()) && m.options.Callbacks.Has(c) && m.permits(c.Export())
	}
	// Both are looked at: what is missing is worth knowing also of a module that is refused for its exports.
	linking := m.link(ctx)
	if err := checkExports(m.info, m.compiled, code); err != nil {
		return err
	}
	return linking
}

// explainCompile adds what to do to the compiler's words.
func explainCompile(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "over limit of"):
		return fmt.Errorf("%w: raise the plugin's limits.memory or build it with less initial memory", err)
	case strings.Contains(text, "feature"), strings.Contains(text, "at most one memory"), strings.Contains(text, "invalid byte for limits"):
		return fmt.Errorf("%w: build it for plain WebAssembly 2.0, without threads, exceptions, tail calls, garbage collection, "+
			"and with one memory of 32 bits", err)
	}
	return fmt.Errorf("%w: the file is damaged or cut off, build it again or copy it again", err)
}

// Info says what the module is.
func (m *Module) Info() Info { return m.info }

// Has reports whether a stream callback is exported and permitted.
func (m *Module) Has(c abi.Callback) bool { return m.callable[c] }

// Close frees the module and all of its instances.
func (m *Module) Close(ctx context.Context) error {
	return m.closeRuntime(ctx)
}

func (m *Module) closeRuntime(ctx context.Context) error {
	if m.runtime == nil {
		return nil
	}
	err := m.runtime.Close(ctx)
	if m.compiled != nil { // a cache keeps the code for as long as somebody has it
		err = errors.Join(err, m.compiled.Close(ctx))
	}
	return err
}
