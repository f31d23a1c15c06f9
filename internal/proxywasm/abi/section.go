package abi

import "strings"

// Section is the heading of the ABI's specification (version 0.2.1) under which a hostcall stands; those of other
// versions and of Higress stand where they would belong. Empty for what is no hostcall.
func Section(hostcall string) string {
	switch hostcall {
	case "proxy_log", "proxy_get_log_level":
		return "Logging"
	case "proxy_get_current_time_nanoseconds":
		return "Clocks"
	case "proxy_set_tick_period_milliseconds":
		return "Timers"
	case "proxy_done", "proxy_set_effective_context":
		return "Context lifecycle"
	case "proxy_get_configuration":
		return "Configuration"
	case "proxy_continue_stream", "proxy_close_stream", "proxy_get_status",
		"proxy_continue_request", "proxy_continue_response":
		return "Common stream operations"
	case "proxy_send_local_response", "proxy_clear_route_cache", "proxy_inject_encoded_data_to_filter_chain":
		return "HTTP"
	case "proxy_http_call", "proxy_get_upstream_hosts", "proxy_set_upstream_override_host":
		return "HTTP calls"
	}
	return sectionByWord(hostcall)
}

// sectionByWord finds the sections whose calls have a word in common.
func sectionByWord(hostcall string) string {
	for _, s := range []struct{ word, section string }{
		{"_buffer_", "Buffers"},
		{"_header_map_", "HTTP fields"},
		{"proxy_grpc_", "gRPC calls"},
		{"proxy_redis_", "Redis calls"},
		{"_shared_data", "Shared Key-Value Store"},
		{"_shared_queue", "Shared Queues"},
		{"_metric", "Metrics"},
		{"_property", "Properties"},
		{"_foreign_function", "Foreign Function Interface"},
	} {
		if strings.Contains(hostcall, s.word) {
			return s.section
		}
	}
	return ""
}
