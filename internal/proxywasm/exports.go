package proxywasm

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Info says what a module is.
type Info struct {
	// ABIVersion is the newest version that the module is marked with, such as "0.2.1"; empty if there is none. Unmarked
	// says that the version is a guess, see Options.AllowMissingABIVersion.
	ABIVersion string
	Unmarked   bool
	// Imports and Exports are the names of functions, sorted; imports are written module.name.
	Imports, Exports []string
	// Missing are the imports, with their types, that no host offers.
	Missing []string
	// Size of the module in bytes.
	Size int
	// Version is what the module says of itself in its custom section `version`; empty when it says nothing.
	Version string
}

// TCPCallbacks lists the exports that handle TCP connections. They are never called.
func (i Info) TCPCallbacks() []string { return i.exported(isTCPCallback) }

// Callbacks lists the exported callbacks, of requests and others.
func (i Info) Callbacks() []string {
	return i.exported(func(name string) bool {
		return strings.HasPrefix(name, "proxy_on_") && name != "proxy_on_memory_allocate"
	})
}

func (i Info) exported(is func(string) bool) []string {
	var names []string
	for _, name := range i.Exports {
		if is(name) {
			names = append(names, name)
		}
	}
	return names
}

func isTCPCallback(name string) bool {
	switch name {
	case "proxy_on_new_connection", "proxy_on_downstream_data", "proxy_on_upstream_data",
		"proxy_on_downstream_connection_close", "proxy_on_upstream_connection_close":
		return true
	}
	return false
}

func isHTTPCallback(name string) bool {
	return strings.HasPrefix(name, "proxy_on_request_") || strings.HasPrefix(name, "proxy_on_response_")
}

func (i *Info) read(imports []api.FunctionDefinition, c wazero.CompiledModule, o Options) {
	for _, def := range imports {
		module, name, _ := def.Import()
		i.Imports = append(i.Imports, module+"."+name)
	}
	for name := range c.ExportedFunctions() {
		i.Exports = append(i.Exports, name)
	}
	slices.Sort(i.Imports)
	slices.Sort(i.Exports)
	i.ABIVersion = markedVersion(i.Exports)
	if i.ABIVersion == "" && (o.AllowMissingABIVersion || o.Profile == ProfileAPISIX) {
		i.ABIVersion, i.Unmarked = guessedVersion(c), true
	}
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

// guessedVersion takes a module without a marker for one of 0.2.1, unless its header callbacks have the parameters of 0.1.0.
func guessedVersion(c wazero.CompiledModule) string {
	for _, name := range []string{"proxy_on_request_headers", "proxy_on_response_headers"} {
		if def := c.ExportedFunctions()[name]; def != nil && len(def.ParamTypes()) == 2 {
			return "0.1.0"
		}
	}
	return "0.2.1"
}

// checkExports refuses modules that cannot be a plugin, or whose callbacks have another type than the ABI's.
func checkExports(i Info, c wazero.CompiledModule, code []byte) error {
	if err := checkProgram(i, code); err != nil {
		return err
	}
	if i.ABIVersion == "" {
		return errors.New(missingVersion(i.Exports))
	}
	if !slices.Contains(i.Exports, "proxy_on_memory_allocate") && !slices.Contains(i.Exports, "malloc") {
		return errors.New("the module exports neither proxy_on_memory_allocate nor malloc, so it could not be handed any data: " +
			"export one of them")
	}
	if len(c.ExportedMemories()) == 0 {
		return errors.New("the module exports no memory, so it could not be handed any data: export it as `memory`")
	}
	if tcp := i.TCPCallbacks(); len(tcp) > 0 && len(i.exported(isHTTPCallback)) == 0 {
		return fmt.Errorf("the module handles TCP connections (%s) and no HTTP: Loom runs HTTP filters, so a plugin has to export "+
			"callbacks such as proxy_on_request_headers", strings.Join(tcp, ", "))
	}
	return checkCallbackTypes(c.ExportedFunctions(), i.ABIVersion)
}

// checkProgram refuses what was built as a program in a language whose programs end with their main function. Those of
// TinyGo and C go on, and plugins are built so.
func checkProgram(i Info, code []byte) error {
	const goCompiler = "Go cmd/compile" // in the section `producers` of every module that Go makes
	if !slices.Contains(i.Exports, "_initialize") && bytes.Contains(code, []byte(goCompiler)) {
		return errors.New("the module exports no _initialize, for it is a Go program and no library, and ends with its main function: " +
			"build it with GOOS=wasip1 and -buildmode=c-shared")
	}
	return nil
}

func missingVersion(exports []string) string {
	for _, name := range exports {
		if version, ok := strings.CutPrefix(name, versionMarker); ok {
			return fmt.Sprintf("the module is marked with ABI version %s, known are 0.1.0, 0.2.0 and 0.2.1: "+
				"build it with another version of its SDK", strings.ReplaceAll(version, "_", "."))
		}
	}
	const what = "the module exports no proxy_abi_version_* function, so it is not a Proxy-Wasm plugin: "
	if slices.Contains(exports, "_start") || slices.Contains(exports, "main") {
		return what + "it is a program; build it as a library (crate-type cdylib in Rust, -buildmode=c-shared in Go, " +
			"-mexec-model=reactor in C) with a Proxy-Wasm SDK"
	}
	return what + "build it with a Proxy-Wasm SDK, or set allow_missing_abi_version if it was built for APISIX"
}

// checkCallbackTypes compares every known export with its type in the ABI.
func checkCallbackTypes(exports map[string]api.FunctionDefinition, version string) error {
	for _, name := range slices.Sorted(maps.Keys(exports)) {
		def := exports[name]
		want, known := callbackType(name, version)
		if !known {
			continue
		}
		params, ok := signatureLetters(def.ParamTypes())
		results, ok2 := signatureLetters(def.ResultTypes())
		if !ok || !ok2 || params+">"+results != want {
			in, out, _ := strings.Cut(want, ">")
			return fmt.Errorf("the module exports %s, in ABI %s it is %s: rebuild the plugin with a matching SDK",
				signature(name, def.ParamTypes(), def.ResultTypes()), version, signature(name, typesOf(in), typesOf(out)))
		}
	}
	return nil
}
