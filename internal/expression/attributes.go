package expression

// kind is the type of an attribute, whose value comes in its wire form.
type kind uint8

const (
	text kind = iota
	number
	flag
	timestamp
	duration
	object  // has members
	mapping // has members, and a wire form of its own
)

// roots are the names that an expression begins with.
func roots() []string {
	return []string{
		"request", "response", "source", "destination", "connection", "upstream", "metadata", "filter_state", "node", "xds",
		"plugin_name", "plugin_root_id", "plugin_vm_id", "route_name", "cluster_name", "connection_id", "listener_direction",
	}
}

// kindOf is the type of the attribute at a path; what is not listed is text.
func kindOf(path string) kind {
	switch path {
	case "request", "response", "source", "destination", "connection", "upstream", "metadata", "filter_state", "node", "xds":
		return object
	case "request\x00headers", "response\x00headers", "response\x00trailers":
		return mapping
	case "metadata\x00filter_metadata", "metadata\x00filter_metadata\x00caddy", "xds\x00node", "node\x00metadata", "xds\x00node\x00metadata":
		return object
	case "request\x00size", "request\x00total_size", "request\x00headers_bytes", "response\x00code", "response\x00flags",
		"response\x00grpc_status", "response\x00headers_bytes", "response\x00size", "response\x00total_size", "source\x00port",
		"destination\x00port", "upstream\x00port", "upstream\x00num_endpoints", "upstream\x00request_attempt_count",
		"connection\x00id", "connection_id", "listener_direction", "xds\x00listener_direction":
		return number
	case "connection\x00mtls":
		return flag
	case "request\x00time":
		return timestamp
	case "request\x00duration", "response\x00backend_latency":
		return duration
	}
	return text
}
