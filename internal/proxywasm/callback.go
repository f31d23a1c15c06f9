package proxywasm

import (
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// callbackType is the type of an export as letters, parameters and results with a > between them.
func callbackType(name, version string) (string, bool) {
	switch name {
	case "_initialize", "_start":
		return ">", true
	case "main":
		return "ii>i", true
	case "__main_void":
		return ">i", true
	case "malloc", "proxy_on_memory_allocate":
		return "i>i", true
	case "proxy_on_context_create":
		return "ii>", true
	case "proxy_on_vm_start", "proxy_on_configure":
		return "ii>i", true
	case "proxy_on_tick", "proxy_on_log", "proxy_on_delete":
		return "i>", true
	case "proxy_on_done":
		return "i>i", true
	case "proxy_on_queue_ready":
		return "ii>", true
	case "proxy_on_foreign_function":
		return "iii>", true
	case "proxy_on_request_headers", "proxy_on_response_headers":
		if version == "0.1.0" {
			return "ii>i", true
		}
		return "iii>i", true
	case "proxy_on_request_body", "proxy_on_response_body":
		return "iii>i", true
	case "proxy_on_request_trailers", "proxy_on_response_trailers":
		return "ii>i", true
	case "proxy_on_http_call_response":
		return "iiiii>", true
	case "proxy_on_grpc_receive", "proxy_on_grpc_close", "proxy_on_grpc_receive_initial_metadata",
		"proxy_on_grpc_receive_trailing_metadata", "proxy_on_grpc_trailing_metadata":
		return "iii>", true
	case "proxy_on_redis_call_response":
		return "iiii>", true
	}
	return "", false
}

// exports are the guest's callbacks, looked up once per instance; a missing one is nil.
type exports struct {
	stream               [7]*export // by abi.Callback
	contextCreate        *export
	vmStart              *export
	configure            *export
	tick                 *export
	queueReady           *export
	httpCallResponse     *export
	grpcInitialMetadata  *export
	grpcReceive          *export
	grpcTrailingMetadata *export
	grpcClose            *export
	redisCallResponse    *export
	foreignFunction      *export
	done                 *export
	deleted              *export
}

func (in *Instance) lookUpExports() {
	for _, c := range abi.Callbacks() {
		if in.module.Has(c) {
			in.exports.stream[c] = in.export(c.Export())
		}
	}
	in.exports.contextCreate = in.callable("proxy_on_context_create")
	in.exports.vmStart = in.callable("proxy_on_vm_start")
	in.exports.configure = in.callable("proxy_on_configure")
	in.exports.tick = in.callable("proxy_on_tick")
	in.exports.queueReady = in.callable("proxy_on_queue_ready")
	in.exports.httpCallResponse = in.callable("proxy_on_http_call_response")
	in.exports.grpcInitialMetadata = in.callable("proxy_on_grpc_receive_initial_metadata")
	in.exports.grpcReceive = in.callable("proxy_on_grpc_receive")
	in.exports.grpcTrailingMetadata = in.callable("proxy_on_grpc_receive_trailing_metadata")
	if in.exports.grpcTrailingMetadata == nil { // as AssemblyScript's SDKs spell it
		in.exports.grpcTrailingMetadata = in.callable("proxy_on_grpc_trailing_metadata")
	}
	in.exports.grpcClose = in.callable("proxy_on_grpc_close")
	in.exports.redisCallResponse = in.callable("proxy_on_redis_call_response")
	in.exports.foreignFunction = in.callable("proxy_on_foreign_function")
	in.exports.done = in.callable("proxy_on_done")
	in.exports.deleted = in.callable("proxy_on_delete")
}

// callable is a callback that the guest exports and the plugin is permitted.
func (in *Instance) callable(name string) *export {
	if !in.module.permits(name) {
		return nil
	}
	return in.export(name)
}

// scope is a context of the guest: a plugin context, or a stream of one.
type scope struct {
	id     uint32
	plugin *PluginContext
	stream *Stream // nil for a plugin context
}

// call is the one door into the guest: it sets the current context, keeps the time limit and turns a trap into the
// death of the instance. The lock must be held. A callback that the guest does not export answers `otherwise`.
func (in *Instance) call(e *export, at scope, otherwise uint32, args ...uint64) (uint32, error) {
	if err := in.Err(); err != nil {
		return 0, err
	}
	if e == nil {
		return otherwise, nil
	}
	in.current, in.effective, in.running, in.reason = at, at, e.fn, ""
	copy(in.stack[:], args)
	began := time.Since(in.began) // cheaper than time.Now: the wall clock is not read
	in.deadline = began + in.allowance
	err := e.fn.CallWithStack(in.ctx, in.stack[:max(len(args), e.results)])
	took := time.Since(in.began) - began
	if o := in.observer(at); o != nil {
		o.Ran(e.phase, took, in.meter.calling, err)
	}
	in.meter.record(e.phase, took, in.memory)
	in.current, in.effective, in.running = scope{}, scope{}, nil
	if err != nil {
		return 0, in.die(exportName(e.fn), err)
	}
	result := otherwise
	if e.results > 0 {
		result = uint32(in.stack[0])
	}
	in.removeLeaving()
	return result, nil
}

// exportName names a function as the host knows it: a stripped module has no names of its own.
func exportName(fn api.Function) string {
	if names := fn.Definition().ExportNames(); len(names) > 0 {
		return names[0]
	}
	return fn.Definition().Name()
}

// callback names the export that runs, for the log.
func (in *Instance) callback() string {
	if in.running == nil {
		return "the module's start section"
	}
	return exportName(in.running)
}

// die marks the instance as dead. Its streams are woken, and nothing enters it any more. The lock must be held.
func (in *Instance) die(where string, cause error) error {
	err := fmt.Errorf("running %s of plugin %q: %w", where, in.module.options.Name, in.module.explainTrap(cause))
	if !in.dead.CompareAndSwap(nil, &err) {
		return in.Err()
	}
	if errors.Is(err, ErrOverdue) {
		in.meter.callTimeouts.Add(1)
	}
	in.stopTimers()
	in.tellQuiet()
	in.dropCalls(nil)
	for _, s := range in.scopes {
		if s.stream != nil {
			s.stream.wakeUp()
		}
	}
	if in.onDeath != nil {
		go in.onDeath(err)
	}
	return err
}
