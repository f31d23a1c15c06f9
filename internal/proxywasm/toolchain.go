package proxywasm

import (
	"context"
	"encoding/binary"
	"fmt"
	"unicode/utf16"

	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// What compilers import beside the ABI, in the same module `env`.

// resolveToolchain finds the function of such an import, or nil.
func resolveToolchain(name string, def api.FunctionDefinition) api.GoModuleFunction {
	params, ok := signatureLetters(def.ParamTypes())
	results, ok2 := signatureLetters(def.ResultTypes())
	if !ok || !ok2 {
		return nil
	}
	switch name + " " + params + ">" + results {
	case "abort iiii>":
		return api.GoModuleFunc(abort)
	case "emscripten_notify_memory_growth i>":
		return api.GoModuleFunc(func(context.Context, api.Module, []uint64) {})
	case "pthread_equal ii>i":
		return api.GoModuleFunc(pthreadEqual)
	}
	return nil
}

func pthreadEqual(_ context.Context, _ api.Module, stack []uint64) {
	equal := uint32(stack[0]) == uint32(stack[1])
	stack[0] = 0
	if equal {
		stack[0] = 1
	}
}

// abort is AssemblyScript's env.abort(message, file, line, column) with UTF-16 strings: log, then trap.
func abort(ctx context.Context, mod api.Module, stack []uint64) {
	in := instanceOf(ctx, mod)
	p := params(stack)
	message := fmt.Sprintf("abort: %s at %s:%d:%d", in.assemblyScriptText(p.u32(0)), in.assemblyScriptText(p.u32(1)), p.u32(2), p.u32(3))
	in.logBytes(abi.LogCritical, []byte(message))
	panic(fmt.Errorf("the plugin aborted: %s", visible(message)))
}

// assemblyScriptText reads a string whose length in bytes stands before it.
func (in *Instance) assemblyScriptText(ptr uint32) string {
	size, ok := in.memory.ReadUint32Le(ptr - 4)
	if ptr < 4 || !ok || size > 1<<16 {
		return "?"
	}
	raw, ok := in.memory.Read(ptr, size)
	if !ok {
		return "?"
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}
