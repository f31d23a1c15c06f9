package proxywasm

import (
	"fmt"
	"slices"

	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// What a plugin may use (Options.Functions), as Envoy's capability_restriction_config. What starts a module, allocates in
// it or ends it is always permitted.

// checkFunctions refuses names that no host has: a list that permits nothing by mistake is hard to find later.
func checkFunctions(names []string) error {
	known := functionNames()
	for _, name := range names {
		if slices.Contains(known, name) || alwaysPermitted(name) {
			continue
		}
		if meant := nearest.Word(name, known); meant != "" {
			return fmt.Errorf("allow.functions: unknown function %q: did you mean %q?", name, meant)
		}
		return fmt.Errorf("allow.functions: unknown function %q: write the ABI's names of hostcalls (proxy_http_call), "+
			"WASI functions (fd_write) and callbacks (proxy_on_request_headers)", name)
	}
	return nil
}

// functionNames lists what can be permitted.
func functionNames() []string {
	var names []string
	for _, h := range hostcalls() {
		names = append(names, h.name)
	}
	for _, c := range wasiCalls() {
		names = append(names, c.name)
	}
	for _, c := range abi.Callbacks() {
		names = append(names, c.Export())
	}
	return append(names,
		"proxy_on_context_create", "proxy_on_vm_start", "proxy_on_configure", "proxy_on_tick", "proxy_on_done", "proxy_on_delete",
		"proxy_on_queue_ready", "proxy_on_foreign_function", "proxy_on_http_call_response", "proxy_on_redis_call_response",
		"proxy_on_grpc_receive", "proxy_on_grpc_close",
		"proxy_on_grpc_receive_initial_metadata", "proxy_on_grpc_receive_trailing_metadata")
}

func alwaysPermitted(name string) bool {
	switch name {
	case "_initialize", "_start", "main", "__main_void", "malloc", "proxy_on_memory_allocate", "proc_exit":
		return true
	}
	return false
}

// permits reports whether the plugin may use a function.
func (m *Module) permits(name string) bool {
	return len(m.options.Functions) == 0 || alwaysPermitted(name) || slices.Contains(m.options.Functions, name)
}

// denied answers a hostcall that the plugin may not use.
func (in *Instance) denied(params) abi.Status {
	in.deny(DeniedFunction)
	return in.refuse(abi.StatusInternalFailure, "the plugin may not use it: the plugin's allow.functions does not list it")
}

// wasiDenied answers a WASI function that the plugin may not use.
func (in *Instance) wasiDenied(params) uint32 {
	in.deny(DeniedFunction)
	return wasiNotCapable
}
