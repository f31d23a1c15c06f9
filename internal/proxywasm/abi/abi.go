// Package abi holds the numbers and bytes of the Proxy-Wasm ABI: statuses, enumerations and wire formats.
//
// It knows nothing of wazero, HTTP or Caddy. The names are the specification's
// (https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1).
package abi

// Status is what a hostcall answers to the guest.
type Status uint32

// The statuses of the specification. Rust's SDK panics on a status that it does not list for a
// hostcall, so a host returns only what the table of allowed results permits.
const (
	StatusOK                   Status = 0
	StatusNotFound             Status = 1
	StatusBadArgument          Status = 2
	StatusSerializationFailure Status = 3
	StatusParseFailure         Status = 4
	StatusBadExpression        Status = 5
	StatusInvalidMemoryAccess  Status = 6
	StatusEmpty                Status = 7
	StatusCasMismatch          Status = 8
	StatusResultMismatch       Status = 9
	StatusInternalFailure      Status = 10
	StatusBrokenConnection     Status = 11
	StatusUnimplemented        Status = 12
)

// Action is what a callback of a stream answers to the host.
// Values above 1 exist only for some callbacks and only in some hosts, Envoy among them.
type Action uint32

// The actions. The meaning of 1 and above depends on the callback.
const (
	ActionContinue Action = 0
	ActionPause    Action = 1 // headers: StopIteration; data: StopIterationAndBuffer

	// Header callbacks only.
	HeadersContinueAndEndStream      Action = 2
	HeadersStopAllIterationAndBuffer Action = 3
	HeadersStopAllIterationWatermark Action = 4

	// Data callbacks only.
	DataStopIterationWatermark Action = 2
	DataStopIterationNoBuffer  Action = 3
)

// LogLevel is the severity of proxy_log.
type LogLevel uint32

// The log levels, least severe first.
const (
	LogTrace    LogLevel = 0
	LogDebug    LogLevel = 1
	LogInfo     LogLevel = 2
	LogWarn     LogLevel = 3
	LogError    LogLevel = 4
	LogCritical LogLevel = 5
)

// MapType names a header map.
type MapType uint32

// The header maps.
const (
	MapHTTPRequestHeaders       MapType = 0
	MapHTTPRequestTrailers      MapType = 1
	MapHTTPResponseHeaders      MapType = 2
	MapHTTPResponseTrailers     MapType = 3
	MapGRPCCallInitialMetadata  MapType = 4
	MapGRPCCallTrailingMetadata MapType = 5
	MapHTTPCallResponseHeaders  MapType = 6
	MapHTTPCallResponseTrailers MapType = 7
)

// BufferType names a buffer.
type BufferType uint32

// The buffers. BufferRedisCallResponse is Higress' own.
const (
	BufferHTTPRequestBody          BufferType = 0
	BufferHTTPResponseBody         BufferType = 1
	BufferDownstreamData           BufferType = 2
	BufferUpstreamData             BufferType = 3
	BufferHTTPCallResponseBody     BufferType = 4
	BufferGRPCCallMessage          BufferType = 5
	BufferVMConfiguration          BufferType = 6
	BufferPluginConfiguration      BufferType = 7
	BufferForeignFunctionArguments BufferType = 8
	BufferRedisCallResponse        BufferType = 9
)

// StreamType names a direction for proxy_continue_stream and proxy_close_stream.
type StreamType uint32

// The stream types.
const (
	StreamHTTPRequest  StreamType = 0
	StreamHTTPResponse StreamType = 1
	StreamDownstream   StreamType = 2
	StreamUpstream     StreamType = 3
)

// MetricType is the kind of a metric that a guest defines.
type MetricType uint32

// The metric types.
const (
	MetricCounter   MetricType = 0
	MetricGauge     MetricType = 1
	MetricHistogram MetricType = 2
)

// Pair is one entry of a header map. Maps are ordered lists of pairs: duplicates and their order count.
type Pair struct {
	Name, Value string
}

// String is the status's name in the specification.
func (s Status) String() string {
	names := [...]string{
		"OK", "NOT_FOUND", "BAD_ARGUMENT", "SERIALIZATION_FAILURE", "PARSE_FAILURE", "BAD_EXPRESSION",
		"INVALID_MEMORY_ACCESS", "EMPTY", "CAS_MISMATCH", "RESULT_MISMATCH", "INTERNAL_FAILURE", "BROKEN_CONNECTION",
		"UNIMPLEMENTED",
	}
	if int(s) < len(names) {
		return names[s]
	}
	return "UNKNOWN"
}
