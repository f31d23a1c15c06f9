package gateway

import "github.com/caddyserver/caddy/v2"

// Plugin is one Proxy-Wasm module with its configuration.
type Plugin struct {
	// Path of the `.wasm` file. Relative paths start at the working directory (the loom.yaml adapter
	// resolves them against the folder of the document). Either path or bundled is required.
	Path string `json:"path,omitempty"`

	// Bundled names a plugin that is embedded in the binary. Default: none.
	Bundled string `json:"bundled,omitempty"`

	// SHA256 is the hex digest that the module must have. The loom.yaml adapter fills it in, so that
	// a reload notices a changed file. Default: not checked.
	SHA256 string `json:"sha256,omitempty"`

	// Phase limits the plugin to the callbacks of one phase: on_request_headers, on_request_body,
	// on_request_trailers, on_response_headers, on_response_body, on_response_trailers or on_log.
	// Default: every callback that the module exports.
	Phase string `json:"phase,omitempty"`

	// Priority orders the plugins of one loom_wasm handler: higher runs first on the way in and last
	// on the way out. Equal priorities keep the order in which they are listed. Default: 0.
	Priority int `json:"priority,omitempty"`

	// Config is the plugin configuration, handed to the guest byte for byte. Default: empty.
	Config string `json:"config,omitempty"`

	// VMConfig is the VM configuration (on_vm_start), handed to the guest byte for byte. Default: empty.
	VMConfig string `json:"vm_config,omitempty"`

	// RootID is the plugin_root_id property, by which a module with several roots picks one.
	// Default: empty.
	RootID string `json:"root_id,omitempty"`

	// VMID scopes shared data and shared queues: plugins with the same vm_id see the same. Default: the plugin's name.
	VMID string `json:"vm_id,omitempty"`

	// Env are the environment variables that the guest sees. The gateway's own are never shown. Default: none.
	Env map[string]string `json:"env,omitempty"`

	// FailurePolicy says what a request gets when the plugin fails: `reload` and `closed` (503), or `open` (skip the plugin). A
	// failed instance costs the requests on it, and is replaced with back-off; not with `closed` and the profile `envoy`,
	// as Envoy does not. Default: `reload`.
	FailurePolicy string `json:"failure_policy,omitempty"`

	// Instances is how many instances run side by side. Default: GOMAXPROCS.
	Instances int `json:"instances,omitempty"`

	// Limits bound what the plugin may use. Default: see each field.
	Limits *PluginLimits `json:"limits,omitempty"`

	// CircuitBreaker leaves a plugin alone whose instances fail as fast as they are replaced: the failure policy answers, and
	// no request enters the plugin until one that is tried has ended well. Default: see each field.
	CircuitBreaker *PluginBreaker `json:"circuit_breaker,omitempty"`

	// Recycle says when an instance is replaced that has not failed: a fresh one takes over, and the old one ends with
	// its last request. Default: see each field.
	Recycle *PluginRecycle `json:"recycle,omitempty"`

	// AllowOnHeadersStopIteration delivers body callbacks while a header callback has paused the stream, as
	// Envoy's setting of the same name does. Default: false (pausing on headers stops everything).
	AllowOnHeadersStopIteration bool `json:"allow_on_headers_stop_iteration,omitempty"`

	// Profile names the host whose quirks the plugin was built for, where hosts differ: `envoy` (refuse what Envoy
	// refuses), `kong`, `apisix`, `higress` or `google`. Default: as Envoy, and forgiving where Envoy refuses.
	Profile string `json:"profile,omitempty"`

	// AllowMissingABIVersion takes a module that is not marked with an ABI version for one of 0.2.1. Default: false,
	// and true with the profile `apisix`.
	AllowMissingABIVersion bool `json:"allow_missing_abi_version,omitempty"`

	// UnknownImports says what becomes of a module that imports hostcalls which no Proxy-Wasm host has: `fail` (it is
	// refused) or `stub` (they answer UNIMPLEMENTED). Default: `fail`.
	UnknownImports string `json:"unknown_imports,omitempty"`

	// SkipOwnLocalReply leaves out the plugin's response callbacks for an answer that it gave itself. Default: false,
	// as in Envoy, and true with the profile `google`.
	SkipOwnLocalReply bool `json:"skip_own_local_reply,omitempty"`

	// TickMode says whose timers run: those of `all` instances, or of one (`leader`). Default: `all`, as in Envoy.
	TickMode string `json:"tick_mode,omitempty"`

	// Trusted leaves out the time limits of the plugin's code (limits.call_timeout and limits.start_timeout) and what they cost: an
	// endless loop in it holds an instance, and a processor, for ever. All other limits stay. Default: false.
	Trusted bool `json:"trusted,omitempty"`

	// Allow narrows or widens what the plugin may do. Default: see each field.
	Allow *PluginAllow `json:"allow,omitempty"`
}

// PluginAllow narrows or widens what a plugin may do.
type PluginAllow struct {
	// Functions that the plugin may use: hostcalls (`proxy_http_call`), WASI functions (`fd_write`) and callbacks
	// (`proxy_on_request_headers`) by the ABI's names. Default: all.
	Functions []string `json:"functions,omitempty"`

	// Upstreams of the config that the plugin may call, by name; an empty list is none. Default: all.
	Upstreams []string `json:"upstreams,omitzero"`

	// Headers that the plugin may read and change. Default: all.
	Headers *PluginHeaders `json:"headers,omitempty"`

	// Addresses (host:port) that the plugin may call besides the upstreams of the config: as `host:port`, as
	// `https://host:port`, or in Istio's and Higress' form `outbound|PORT||HOST`. Default: none.
	Addresses []string `json:"addresses,omitempty"`
}

// PluginHeaders are the names of headers, trailers and pseudo headers (`:path`) of requests and responses, and of the properties
// that are the same by another name; a name that ends in `*` stands for all that begin so. An empty list is none. Answers of the
// plugin's own, and those to its calls, are not meant.
type PluginHeaders struct {
	// Read lists what the plugin sees; the rest is absent for it. Default: all.
	Read []string `json:"read,omitzero"`

	// Write lists what it may add, change and remove; the rest stays as it is, with a warning in the log. Default: all.
	Write []string `json:"write,omitzero"`
}

// PluginLimits bound what one plugin may use.
type PluginLimits struct {
	// Memory is the most linear memory of one instance, in bytes. Default: 64 MiB.
	Memory int64 `json:"memory,omitempty"`

	// CallTimeout is the longest that guest code may run in one callback. Default: 1s.
	CallTimeout caddy.Duration `json:"call_timeout,omitempty"`

	// CompileTimeout is the longest that compiling the module may take. Default: 1m.
	CompileTimeout caddy.Duration `json:"compile_timeout,omitempty"`

	// StartTimeout is the longest that starting and configuring one instance may take. Default: 10s.
	StartTimeout caddy.Duration `json:"start_timeout,omitempty"`

	// Body is the most that is buffered of one request or response body, in bytes. Default: 1 MiB.
	Body int64 `json:"body,omitempty"`

	// PauseTimeout is the longest that a plugin may hold a stream paused. Default: 30s.
	PauseTimeout caddy.Duration `json:"pause_timeout,omitempty"`

	// DoneTimeout is the longest that a configuration may go on after `on_done` answered 0, until `proxy_done`. Default: 10s.
	DoneTimeout caddy.Duration `json:"done_timeout,omitempty"`

	// TickPeriod is the shortest period of ticks. Default: 10ms.
	TickPeriod caddy.Duration `json:"tick_period,omitempty"`

	// Configuration is the largest configuration and VM configuration, in bytes. Default: 16 MiB.
	Configuration int `json:"configuration,omitempty"`

	// LogRate is how many lines a second all instances may log, five times as many at once. Default: 1000.
	LogRate int `json:"log_rate,omitempty"`

	// LogLine is how much of one line is kept, in bytes. Default: 16 KiB.
	LogLine int `json:"log_line,omitempty"`

	// Metrics is how many metrics the plugin may define; the rest is counted nowhere. Default: 1000.
	Metrics int `json:"metrics,omitempty"`

	// SharedData is the most that the shared data of the plugin's `vm_id` may take for it to write more, in bytes. Default: 64 MiB.
	SharedData int `json:"shared_data,omitempty"`

	// QueueItems is how many items all queues of the `vm_id` may hold for the plugin to add more. Default: 100,000.
	QueueItems int `json:"queue_items,omitempty"`

	// QueueData is how much they may hold, in bytes. Default: 64 MiB.
	QueueData int `json:"queue_data,omitempty"`

	// Calls is how many calls of one instance may be under way. Default: 1000.
	Calls int `json:"calls,omitempty"`

	// RequestCalls is how many calls may be under way for one request. Default: 100.
	RequestCalls int `json:"request_calls,omitempty"`

	// RequestCallsInAll is how many calls may be made for one request, one after the other. Default: 1000.
	RequestCallsInAll int `json:"request_calls_in_all,omitempty"`

	// CallBody is the most that one call may send, in bytes. Default: 4 MiB.
	CallBody int `json:"call_body,omitempty"`

	// CallBodies is the most that all calls may send that are under way of one instance, in bytes. Default: 64 MiB.
	CallBodies int `json:"call_bodies,omitempty"`
}

// PluginRecycle says when an instance is replaced that has not failed.
type PluginRecycle struct {
	// Memory is the size in bytes to which an instance may grow, for memory that a guest has is never given back. As much
	// as `limits.memory` is never. Default: three quarters of `limits.memory`.
	Memory int64 `json:"memory,omitempty"`

	// Age of an instance, less up to a quarter by chance. Default: 0, never.
	Age caddy.Duration `json:"age,omitempty"`

	// Requests that an instance serves, less up to a quarter by chance. Default: 0, never.
	Requests int `json:"requests,omitempty"`
}

// PluginBreaker leaves a plugin alone that keeps failing.
type PluginBreaker struct {
	// Disabled lets requests into the plugin whatever happens. Default: false.
	Disabled bool `json:"disabled,omitempty"`

	// FailureThreshold is how many failures of instances within `window` open the breaker. Default: one more than the plugin
	// has instances, and at least 5.
	FailureThreshold int `json:"failure_threshold,omitempty"`

	// Window in which failures count. Default: 30s.
	Window caddy.Duration `json:"window,omitempty"`

	// Timeout is for how long the breaker stays open before one request is tried. It doubles with each time that it
	// opens again, until it was closed for as long as `window`. Default: 1s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// MaxTimeout is the longest that it stays open; at least `timeout`. Default: 30s.
	MaxTimeout caddy.Duration `json:"max_timeout,omitempty"`
}
