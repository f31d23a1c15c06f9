package proxywasm

import (
	"encoding/binary"

	"github.com/loom-gateway/loom/internal/foreign"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "Foreign functions": those of Envoy and Higress that a gateway can answer, and those of the embedder.

func (in *Instance) callForeignFunction(p params) abi.Status {
	var name, args []byte
	if status := in.inputs(p, 0, &name, &args); status != abi.StatusOK {
		return status
	}
	result, status := in.foreign(string(name), args)
	if status != abi.StatusOK {
		return status
	}
	if p.u32(4) == 0 || p.u32(5) == 0 { // the guest does not want the result
		return abi.StatusOK
	}
	return in.returnBytes(result, p.u32(4), p.u32(5))
}

func (in *Instance) foreign(name string, args []byte) ([]byte, abi.Status) {
	switch name {
	case "compress":
		return foreign.Compress(args)
	case "uncompress":
		return foreign.Uncompress(args)
	case "sign":
		return foreign.Sign(args)
	case "verify_signature":
		return foreign.VerifySignature(args)
	case "get_log_level":
		return binary.LittleEndian.AppendUint32(nil, uint32(in.logLevel())), abi.StatusOK
	case "inject_encoded_data_to_filter_chain", "inject_encoded_data_to_filter_chain_on_header":
		return in.injectForeign(args)
	case "clear_route_cache", "set_global_max_requests_per_io_cycle":
		return nil, abi.StatusOK // nothing to do here
	case "set_envoy_filter_state":
		return nil, in.setFilterState(args)
	case "declare_property":
		return nil, in.declareProperty(args)
	case "expr_create":
		return in.createExpression(args)
	case "expr_evaluate":
		return in.evaluateExpression(args)
	case "expr_delete":
		return nil, in.deleteExpression(args)
	}
	return in.callEmbedder(name, args)
}

// setFilterState writes to the filter state under the plugin's own key, where proxy_set_property has `wasm.` before it.
func (in *Instance) setFilterState(args []byte) abi.Status {
	path, value, ok := foreign.FilterState(args)
	if !ok {
		return abi.StatusBadArgument
	}
	at := in.effective
	if at.stream == nil || at.stream.ex == nil {
		return in.refuse(abi.StatusNotFound, "there is no filter state outside of a stream")
	}
	return at.stream.ex.SetProperty(append(abi.PropertyPath("filter_state\x00"), path...), value)
}

// maxDeclared bounds what a plugin context may declare.
const maxDeclared = 1024

// declareProperty remembers whether a property is read-only: once written, it stays. A second declaration is refused.
func (in *Instance) declareProperty(args []byte) abi.Status {
	name, readOnly, ok := foreign.Declaration(args)
	pc := in.effective.plugin
	if !ok || pc == nil {
		return abi.StatusBadArgument
	}
	if _, again := pc.declared[name]; again || len(pc.declared) >= maxDeclared {
		return in.refuse(abi.StatusBadArgument, "the property is declared already, or too many are")
	}
	if pc.declared == nil {
		pc.declared = map[string]bool{}
	}
	pc.declared[name] = readOnly
	return abi.StatusOK
}

// callEmbedder runs a function that the gateway was given. What it answers later comes back through
// proxy_on_foreign_function.
func (in *Instance) callEmbedder(name string, args []byte) ([]byte, abi.Status) {
	pc := in.effective.plugin
	if pc == nil {
		return nil, abi.StatusNotFound
	}
	result, status := in.host.Foreign.Call(ForeignCall{
		Name: name, Args: append([]byte(nil), args...),
		Answer: func(id uint32, result []byte) { go in.onForeignFunction(pc, id, result) },
	})
	if status == abi.StatusNotFound {
		return nil, in.refuseAbout(status, "this gateway has no such function", []byte(name))
	}
	return result, status
}

// onForeignFunction runs on a goroutine of its own: the guest is never entered from its own call.
func (in *Instance) onForeignFunction(pc *PluginContext, id uint32, result []byte) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if pc.ended {
		return
	}
	in.foreignArguments = append([]byte{}, result...) // not nil: the buffer is there, if empty
	_, _ = in.call(in.exports.foreignFunction, pc.scope(), 0, uint64(pc.id), uint64(id), uint64(len(result)))
	in.foreignArguments = nil
}
