package gateway

import (
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/debuggate"
)

// App is the `loom` app: the plugins and upstreams that all Loom handlers of one config share.
//
// Handlers name them; the app finds or builds the living thing behind the name. What must outlive a
// reload (compiled modules, running instances, connection pools) sits in a caddy.UsagePool and drains.
type App struct {
	// Plugins are the Proxy-Wasm plugins by name. A handler may also name a plugin that is bundled
	// in the binary (such as `rate-limit`) without an entry here.
	Plugins map[string]*Plugin `json:"plugins,omitempty"`

	// Upstreams are the groups of backends by name.
	Upstreams map[string]*Upstream `json:"upstreams,omitempty"`

	// Node is who the gateway is, for plugins that ask. Default: their questions are not answered.
	Node *Node `json:"node,omitempty"`

	// Debug lets clients see what each plugin did to their request, in the response's `Loom-Debug-Plugin`. Default: nobody
	// sees it.
	Debug *Debug `json:"debug,omitempty"`

	logger    *zap.Logger
	debug     *debuggate.Gate
	upstreams *upstreamSet
	plugins   *pluginSet
	routes    *routeTable
	shared    *sharedThings
}

// Node is who the gateway is: the properties `node.*` and `xds.node.*` of plugins.
type Node struct {
	// ID of the gateway. Default: none.
	ID string `json:"id,omitempty"`

	// Cluster is the group of gateways that it belongs to. Default: none.
	Cluster string `json:"cluster,omitempty"`

	// Metadata is anything else, such as `NAMESPACE` or `LABELS`; objects may be nested. Default: none.
	Metadata map[string]any `json:"metadata,omitempty"`
}

// Debug says who may see what each plugin did to a request. A client asks with the header `Loom-Debug`, which no plugin and
// no backend sees. At least one of loopback and key is required.
type Debug struct {
	// Loopback answers `Loom-Debug: 1` on connections that come from a loopback address: not X-Forwarded-For counts, but
	// the connection, so behind a proxy on the same machine every request does. Default: false.
	Loopback bool `json:"loopback,omitempty"`

	// Key answers `Loom-Debug: t=SECONDS,s=HEX` from anywhere, where s is the HMAC-SHA256 with this key of the method, the
	// host, the path with its query, and t, in lines. At least 16 bytes; `{env.NAME}` and `{file.PATH}` are replaced.
	// Default: none.
	Key string `json:"key,omitempty"`

	// Window is how far t may be from the gateway's clock, before or after; at most 1h. Until then the signature can be used
	// again, for the same method, host and path. Default: 1m.
	Window caddy.Duration `json:"window,omitempty"`
}

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

	// QueueItems and QueueData (in bytes, of all queues of the `vm_id`) are the same for queues. Defaults: 100,000 and 64 MiB.
	QueueItems int `json:"queue_items,omitempty"`
	QueueData  int `json:"queue_data,omitempty"`

	// Calls is how many calls of one instance may be under way, and RequestCalls how many for one request. Defaults: 1000 and 100.
	Calls        int `json:"calls,omitempty"`
	RequestCalls int `json:"request_calls,omitempty"`

	// RequestCallsInAll is how many calls may be made for one request, one after the other. Default: 1000.
	RequestCallsInAll int `json:"request_calls_in_all,omitempty"`

	// CallBody is the most that one call may send, and CallBodies all that are under way of one instance, in bytes. Defaults: 4 MiB and 64 MiB.
	CallBody   int `json:"call_body,omitempty"`
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

// Upstream is a named group of backends, shared by all routes that name it.
type Upstream struct {
	// Endpoints are the backends. At least one is required.
	Endpoints []Endpoint `json:"endpoints,omitempty"`

	// LoadBalancer picks the endpoint: `round_robin` or `weighted` (the same: turns by weight), `least_conn` (fewest
	// requests in flight by weight), `random`, `p2c` (the less loaded of two by chance), `ewma` (the one of two by chance
	// that is expected to answer first) or `consistent_hash`. Default: `round_robin`.
	LoadBalancer string `json:"load_balancer,omitempty"`

	// Hash is what `consistent_hash` looks at. Required for it, and for no other.
	Hash *UpstreamHash `json:"hash,omitempty"`

	// Protocol to the backends: `http` (HTTP/1.1), `https` (HTTP/1.1 or HTTP/2 over TLS), `h2c` (HTTP/2
	// without TLS) or `grpc` (the same as h2c). Default: `http`.
	Protocol string `json:"protocol,omitempty"`

	// TLS to the backends; only with protocol `https`. Default: the system's roots, server name from the endpoint.
	TLS *UpstreamTLS `json:"tls,omitempty"`

	// ConnectionPool bounds the connections to the backends. Default: see each field.
	ConnectionPool *ConnectionPool `json:"connection_pool,omitempty"`

	// Transport is how requests are carried to the backends. Default: see each field.
	Transport *UpstreamTransport `json:"transport,omitempty"`

	// HealthCheck probes the endpoints; those that fail get no traffic. Default: no probes.
	HealthCheck *HealthCheck `json:"health_check,omitempty"`

	// CircuitBreaker stops requests to an endpoint that keeps failing, and tries it again after a while. Default: none.
	CircuitBreaker *CircuitBreaker `json:"circuit_breaker,omitempty"`

	// PassiveHealth leaves an endpoint alone for a while when requests to it fail. Default: never.
	PassiveHealth *PassiveHealth `json:"passive_health,omitempty"`

	// PanicThreshold: when fewer than so many percent of the endpoints are well, by health_check and passive_health, all
	// get traffic again. Default: 0, never: without a healthy endpoint requests get 503 at once.
	PanicThreshold int `json:"panic_threshold,omitempty"`

	// SlowStart is how long the share of an endpoint that came back, or is new, grows from a tenth to all of what is its
	// own. Default: 0, at once.
	SlowStart caddy.Duration `json:"slow_start,omitempty"`
}

// Endpoint is one backend.
type Endpoint struct {
	// Address as host:port, [ipv6]:port or unix//path. Required.
	Address string `json:"address"`

	// Weight is the endpoint's share. Default: 1.
	Weight int `json:"weight,omitempty"`
}

// UpstreamHash is what consistent_hash looks at: exactly one of header, cookie and client_ip. Requests without the header
// or the cookie are spread at random.
type UpstreamHash struct {
	// Header is the name of a request header, whose first value counts. Default: none.
	Header string `json:"header,omitempty"`

	// Cookie is the name of a cookie. Default: none.
	Cookie string `json:"cookie,omitempty"`

	// ClientIP takes the address of the client, as Caddy's `trusted_proxies` tell it. Default: false.
	ClientIP bool `json:"client_ip,omitempty"`

	// BalanceFactor is how many requests in flight an endpoint may have before its keys go to the next one, in percent
	// of its share: from 101 to 10000. Default: 0, no bound.
	BalanceFactor int `json:"balance_factor,omitempty"`
}

// UpstreamTLS is how TLS to the backends is checked.
type UpstreamTLS struct {
	// ServerName for SNI and verification. Default: the host of the endpoint; required for unix sockets.
	ServerName string `json:"server_name,omitempty"`

	// CA is a PEM file with the roots to trust. Default: the system's.
	CA string `json:"ca,omitempty"`

	// Cert and Key are PEM files of the client certificate (mTLS). Default: none.
	Cert string `json:"cert,omitempty"`
	Key  string `json:"key,omitempty"`

	// InsecureSkipVerify accepts any certificate; for tests. Default: false.
	InsecureSkipVerify bool `json:"insecure_skip_verify,omitempty"`
}

// UpstreamTransport is how requests are carried to the backends of one upstream.
type UpstreamTransport struct {
	// Engine carries HTTP/1.1: `loom` (Loom's own client) or `stock` (Go's net/http). HTTP/2 is always net/http's.
	// Default: `loom`, and `stock` on systems that are not Unix.
	Engine string `json:"engine,omitempty"`

	// MaxResponseHeader bounds the head of a response, in bytes; a larger one is an error, 502. Default: 1 MiB.
	MaxResponseHeader int64 `json:"max_response_header,omitempty"`
}

// ConnectionPool bounds the connections to the backends of one upstream.
type ConnectionPool struct {
	// MaxIdlePerEndpoint is how many idle connections are kept for each endpoint. Default: 128.
	MaxIdlePerEndpoint int `json:"max_idle_per_endpoint,omitempty"`

	// MaxPerEndpoint is the most connections to one endpoint; further requests wait for one. Default: 0, no limit.
	MaxPerEndpoint int `json:"max_per_endpoint,omitempty"`

	// IdleTimeout closes a connection that was idle for so long. Default: 90s.
	IdleTimeout caddy.Duration `json:"idle_timeout,omitempty"`

	// DialTimeout is the longest that connecting may take, and the longest that the TLS handshake may. Default: 3s.
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`
}

// HealthCheck probes the endpoints of an upstream. Probes begin when a config is accepted, and have connections of their own.
// What they have found out is kept over reloads.
type HealthCheck struct {
	// Type of the probes: `http` (a request), `tcp` (a connection) or `grpc` (`grpc.health.v1.Health/Check`; with the
	// protocols grpc, h2c and https). Default: `http`.
	Type string `json:"type,omitempty"`

	// Path of the request, with a query if there is one. Required for `http`.
	Path string `json:"path,omitempty"`

	// Method of the request; for `http`. Default: `GET`.
	Method string `json:"method,omitempty"`

	// Host header of the request, or the authority of `grpc`. Default: the endpoint's address.
	Host string `json:"host,omitempty"`

	// Headers of the request; for `http`. Default: none.
	Headers map[string]string `json:"headers,omitempty"`

	// ExpectStatus are the statuses that pass: one (`200`), a range (`200-299`) or a class (`2xx`); for `http`.
	// Default: `200-399`.
	ExpectStatus []string `json:"expect_status,omitempty"`

	// ExpectBody is a regular expression (RE2) that the first 64 KiB of the answer must match; for `http`. Default: any.
	ExpectBody string `json:"expect_body,omitempty"`

	// Service that `grpc` asks for. Default: empty, the whole server.
	Service string `json:"service,omitempty"`

	// Interval between probes of one endpoint. While it is down, it is probed `healthy_threshold` times as often. Default: 10s.
	Interval caddy.Duration `json:"interval,omitempty"`

	// Jitter is by how much a pause may be shorter or longer than the interval, in percent; -1 is none. Default: 10.
	Jitter int `json:"jitter,omitempty"`

	// Timeout of one probe. Default: 2s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// HealthyThreshold is how many passes in a row make an endpoint healthy. Default: 2.
	HealthyThreshold int `json:"healthy_threshold,omitempty"`

	// UnhealthyThreshold is how many failures in a row make an endpoint unhealthy. Default: 3.
	UnhealthyThreshold int `json:"unhealthy_threshold,omitempty"`

	// Initial is what endpoints are before their first probe: `healthy`, or `unhealthy`, when one pass makes them healthy.
	// Default: `healthy`.
	Initial string `json:"initial,omitempty"`
}

// CircuitBreaker stops traffic to an endpoint that fails. Failures are connections that cannot be made, timeouts,
// answers that break off and some statuses; a client that goes away is none.
type CircuitBreaker struct {
	// FailureThreshold is how many failures in a row open the breaker. Default: 5.
	FailureThreshold int `json:"failure_threshold,omitempty"`

	// FailureRate opens the breaker as well: the share of failures within `window`, in percent. Default: 0, only failures
	// in a row count.
	FailureRate int `json:"failure_rate,omitempty"`

	// MinimumRequests are the fewest requests within `window` of which failure_rate is taken. Default: 20.
	MinimumRequests int `json:"minimum_requests,omitempty"`

	// Window of failure_rate. Default: 10s.
	Window caddy.Duration `json:"window,omitempty"`

	// FailureStatuses are the statuses that are failures: one (`503`), a range (`502-504`) or a class (`5xx`).
	// Default: `5xx`.
	FailureStatuses []string `json:"failure_statuses,omitempty"`

	// Timeout is how long an open breaker refuses before it lets probes through. Default: 30s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// HalfOpenRequests are the most probes at a time. Default: 1.
	HalfOpenRequests int `json:"half_open_requests,omitempty"`

	// SuccessThreshold is how many successes close a half-open breaker. Default: 3.
	SuccessThreshold int `json:"success_threshold,omitempty"`
}

// PassiveHealth leaves an endpoint alone when requests to it fail, for longer each time.
type PassiveHealth struct {
	// FailureThreshold is how many failures in a row eject an endpoint. What is a failure is said at CircuitBreaker.
	// Default: 5.
	FailureThreshold int `json:"failure_threshold,omitempty"`

	// FailureStatuses are the statuses that are failures. Default: `5xx`.
	FailureStatuses []string `json:"failure_statuses,omitempty"`

	// EjectionTime of the first ejection. Each further one is longer by as much; an endpoint that does well for as long is
	// forgiven one. Default: 30s.
	EjectionTime caddy.Duration `json:"ejection_time,omitempty"`

	// MaxEjectionTime bounds that. Default: 5m.
	MaxEjectionTime caddy.Duration `json:"max_ejection_time,omitempty"`

	// MaxEjected is the most endpoints that are ejected at a time, in percent of the upstream's; so the only endpoint is
	// ejected with 100 only. Default: 50.
	MaxEjected int `json:"max_ejected,omitempty"`
}
