package abi

// statusSet is a set of statuses, one bit each.
type statusSet uint16

func statuses(list ...Status) statusSet {
	var s statusSet
	for _, status := range list {
		s |= 1 << status
	}
	return s
}

// Survive maps a status to the nearest one that the SDKs survive as the answer of a hostcall. Rust's SDK panics on
// any status that it does not list, and 5, 6, 9, 11 and 12 are not even members of its enum. InvalidMemoryAccess
// passes: a guest whose pointers are wrong is beyond help, and the specification asks for it.
func Survive(hostcall string, status Status) Status {
	if status == StatusOK || status == StatusInvalidMemoryAccess {
		return status
	}
	allowed, nearest := survivable(hostcall)
	if allowed&(1<<status) != 0 {
		return status
	}
	return nearest
}

// survivable is section 2.14 of the project's ABI map: what may be answered besides OK, and what stands in for the rest.
func survivable(hostcall string) (allowed statusSet, nearest Status) {
	switch hostcall {
	case "proxy_get_header_map_value", "proxy_get_buffer_bytes", "proxy_get_buffer_status":
		return statuses(StatusNotFound, StatusBadArgument), StatusNotFound
	case "proxy_get_property":
		return statuses(StatusNotFound, StatusSerializationFailure, StatusInternalFailure), StatusNotFound
	case "proxy_http_call":
		return statuses(StatusBadArgument, StatusInternalFailure), StatusInternalFailure
	case "proxy_grpc_call", "proxy_grpc_stream":
		return statuses(StatusParseFailure, StatusInternalFailure), StatusInternalFailure
	case "proxy_grpc_send":
		return statuses(StatusNotFound, StatusBadArgument), StatusNotFound
	case "proxy_grpc_cancel", "proxy_grpc_close", "proxy_done", "proxy_get_upstream_hosts", "proxy_set_upstream_override_host":
		return statuses(StatusNotFound), StatusNotFound
	case "proxy_set_shared_data":
		return statuses(StatusCasMismatch, StatusInternalFailure), StatusInternalFailure
	case "proxy_get_shared_data", "proxy_resolve_shared_queue", "proxy_enqueue_shared_queue", "proxy_record_metric":
		return statuses(StatusNotFound), StatusNotFound
	case "proxy_dequeue_shared_queue":
		return statuses(StatusNotFound, StatusEmpty), StatusEmpty
	case "proxy_get_metric", "proxy_increment_metric":
		return statuses(StatusNotFound, StatusBadArgument), StatusBadArgument
	case "proxy_call_foreign_function":
		return statuses(StatusNotFound, StatusBadArgument, StatusSerializationFailure, StatusInternalFailure), StatusNotFound
	}
	// What is left panics in Rust on anything but OK; Envoy answers BadArgument, and so does Loom.
	return statuses(StatusBadArgument, StatusInternalFailure), StatusBadArgument
}
