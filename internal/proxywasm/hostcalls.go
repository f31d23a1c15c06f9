package proxywasm

import (
	"context"
	"fmt"
	"slices"

	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// params are the parameters of a hostcall as wazero hands them over.
type params []uint64

func (p params) u32(i int) uint32 { return uint32(p[i]) }
func (p params) i32(i int) int32  { return int32(uint32(p[i])) }
func (p params) i64(i int) int64  { return int64(p[i]) }

// hostcall is one import of module `env`: its name, its parameters as letters (i = i32, I = i64) and what it does.
type hostcall struct {
	name   string
	params string
	call   func(in *Instance, p params) abi.Status
	// early permits the call while the module starts and inside the guest's allocator.
	early bool
}

// hostcalls is the table of the ABI in the order of the specification. The superset of all versions is offered to
// every module; names stand twice where two signatures are in the wild.
func hostcalls() []hostcall {
	return slices.Concat(streamCalls(), outsideCalls())
}

// streamCalls are the sections about contexts, buffers, header maps and streams.
func streamCalls() []hostcall {
	return []hostcall{
		// Logging, time, general
		{"proxy_log", "iii", (*Instance).log, true},
		{"proxy_get_log_level", "i", (*Instance).getLogLevel, true},
		{"proxy_get_current_time_nanoseconds", "i", (*Instance).getCurrentTime, true},
		{"proxy_set_tick_period_milliseconds", "i", (*Instance).setTickPeriod, false},
		{"proxy_get_status", "iii", (*Instance).getStatus, false},
		{"proxy_set_effective_context", "i", (*Instance).setEffectiveContext, false},
		{"proxy_done", "", (*Instance).done, false},
		{"proxy_get_configuration", "ii", (*Instance).getConfiguration, false}, // 0.1.0
		// Buffers
		{"proxy_get_buffer_bytes", "iiiii", (*Instance).getBufferBytes, false},
		{"proxy_get_buffer_status", "iii", (*Instance).getBufferStatus, false},
		{"proxy_set_buffer_bytes", "iiiii", (*Instance).setBufferBytes, false},
		// Header maps
		{"proxy_get_header_map_size", "ii", (*Instance).getHeaderMapSize, false},
		{"proxy_get_header_map_pairs", "iii", (*Instance).getHeaderMapPairs, false},
		{"proxy_set_header_map_pairs", "iii", (*Instance).setHeaderMapPairs, false},
		{"proxy_get_header_map_value", "iiiii", (*Instance).getHeaderMapValue, false},
		{"proxy_add_header_map_value", "iiiii", (*Instance).addHeaderMapValue, false},
		{"proxy_replace_header_map_value", "iiiii", (*Instance).replaceHeaderMapValue, false},
		{"proxy_remove_header_map_value", "iii", (*Instance).removeHeaderMapValue, false},
		// Streams
		{"proxy_continue_stream", "i", (*Instance).continueStream, false},
		{"proxy_close_stream", "i", (*Instance).closeStream, false},
		{"proxy_continue_request", "", (*Instance).continueRequest, false},   // 0.1.0
		{"proxy_continue_response", "", (*Instance).continueResponse, false}, // 0.1.0
		{"proxy_clear_route_cache", "", (*Instance).clearRouteCache, false},  // 0.1.0
		{"proxy_send_local_response", "iiiiiiii", (*Instance).sendLocalResponse, false},
	}
}

// outsideCalls are the sections about what lies outside of the stream.
func outsideCalls() []hostcall {
	return []hostcall{
		// Callouts
		{"proxy_http_call", "iiiiiiiiii", (*Instance).httpCall, false},
		{"proxy_grpc_call", "iiiiiiiiiiii", (*Instance).grpcCall, false},
		{"proxy_grpc_call", "iiiiiiiiii", (*Instance).grpcCall, false}, // AssemblyScript's SDK
		{"proxy_grpc_stream", "iiiiiiiii", (*Instance).grpcStream, false},
		{"proxy_grpc_stream", "iiiiiii", (*Instance).grpcStream, false}, // AssemblyScript's SDK
		{"proxy_grpc_send", "iiii", (*Instance).grpcSend, false},
		{"proxy_grpc_cancel", "i", (*Instance).grpcCancel, false},
		{"proxy_grpc_close", "i", (*Instance).grpcClose, false},
		// Shared data and queues
		{"proxy_get_shared_data", "iiiii", (*Instance).getSharedData, false},
		{"proxy_set_shared_data", "iiiii", (*Instance).setSharedData, false},
		{"proxy_register_shared_queue", "iii", (*Instance).registerSharedQueue, false},
		{"proxy_resolve_shared_queue", "iiiii", (*Instance).resolveSharedQueue, false},
		{"proxy_enqueue_shared_queue", "iii", (*Instance).enqueueSharedQueue, false},
		{"proxy_dequeue_shared_queue", "iii", (*Instance).dequeueSharedQueue, false},
		// Metrics
		{"proxy_define_metric", "iiii", (*Instance).defineMetric, false},
		{"proxy_increment_metric", "iI", (*Instance).incrementMetric, false},
		{"proxy_record_metric", "iI", (*Instance).recordMetric, false},
		{"proxy_get_metric", "ii", (*Instance).getMetric, false},
		// Properties and foreign functions
		{"proxy_get_property", "iiii", (*Instance).getProperty, false},
		{"proxy_set_property", "iiii", (*Instance).setProperty, false},
		{"proxy_call_foreign_function", "iiiiii", (*Instance).callForeignFunction, false},
		// Higress: its SDK imports them whether a plugin uses them or not
		{"proxy_redis_init", "iiiiiii", (*Instance).redisInit, false},
		{"proxy_redis_call", "iiiii", (*Instance).redisCall, false},
		{"proxy_inject_encoded_data_to_filter_chain", "iii", (*Instance).injectEncodedData, false},
		{"proxy_get_upstream_hosts", "ii", (*Instance).getUpstreamHosts, false},
		{"proxy_set_upstream_override_host", "ii", (*Instance).setUpstreamOverrideHost, false},
	}
}

// adapt is the one door out of the guest: it finds the instance, refuses what may not be called now, and writes the
// status, mapped to what the SDKs survive.
func (h hostcall) adapt(answers bool) api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		in := instanceOf(ctx, mod)
		in.meter.calling++
		in.work(1)
		var status abi.Status
		if h.early || in.permits(h.name) {
			status = h.call(in, stack)
		} else {
			status = in.refuse(abi.StatusBadArgument, "it was called while the module starts, when only logging and the clock are there")
		}
		answer := abi.Survive(h.name, status)
		if status != abi.StatusOK || in.reason != "" {
			in.reportRefusal(h.name, status, answer)
		}
		if answers {
			stack[0] = uint64(answer)
		}
	}
}

// permits reports whether hostcalls that need a context may be called. In the allocator, which runs inside of another
// hostcall, they end the instance, as in Envoy. There they do so while the module starts as well.
func (in *Instance) permits(hostcall string) bool {
	if in.allocating || (in.loading && in.module.options.Profile == ProfileEnvoy) {
		panic(fmt.Errorf("the plugin called %s while it starts or allocates, when only logging and the clock are there", hostcall))
	}
	return !in.loading
}
