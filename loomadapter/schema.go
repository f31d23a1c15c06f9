package loomadapter

import "go.yaml.in/yaml/v3"

// The types of the document. The tags are its reference: docs/loom.schema.json and docs/loom-yaml.md are made from
// them. `need:"later"` marks what this version refuses to be switched on.

// Pos is where a part of the document stands.
type Pos struct {
	Line int
	Path string // such as routes[2].upstream
	keys map[string]int
}

// key is the position of a key of a mapping, or the mapping's own.
func (p Pos) key(name string) Pos {
	line, ok := p.keys[name]
	if !ok {
		line = p.Line
	}
	if p.Path == "" {
		return Pos{Line: line, Path: name}
	}
	return Pos{Line: line, Path: p.Path + "." + name}
}

// Document is a loom.yaml.
type Document struct {
	Pos       Pos        `yaml:"-"`
	Listeners []Listener `yaml:"listeners" doc:"Where the gateway listens. At least one."`
	Routes    []Route    `yaml:"routes" doc:"Which requests go where. The order does not matter, see docs/routing.md."`
	Upstreams []Upstream `yaml:"upstreams" doc:"Groups of backends."`
	Plugins   []Plugin   `yaml:"plugins" doc:"Proxy-Wasm plugins. A bundled plugin needs no entry."`
	Node      *Node      `yaml:"node" doc:"Who the gateway is, for plugins that ask (docs/properties.md)."`
	Debug     *Debug     `yaml:"debug" doc:"Who may see what each plugin did to a request (docs/debugging.md). Default: nobody."`
	Paths     *Paths     `yaml:"paths" doc:"What becomes of ambiguous request paths."`
	Admin     *Admin     `yaml:"admin" doc:"The admin API: health, routes, upstreams, plugins. Default: off."`
	Metrics   *Metrics   `yaml:"metrics" doc:"Metrics of the gateway."`
	Tracing   *Feature   `yaml:"tracing" doc:"Trace spans by OpenTelemetry, configured by OTEL_* variables. Default: off."`
	RequestID *Feature   `yaml:"request_id" need:"later" doc:"Request ids."`
	CORS      *Feature   `yaml:"cors" need:"later" doc:"Cross-origin requests, gateway-wide."`
	RateLimit *Feature   `yaml:"rate_limit" need:"later" doc:"Rate limits, gateway-wide. The bundled plugin rate-limit works today."`
	Recovery  *Feature   `yaml:"recovery" need:"later" doc:"What becomes of panics."`
}

// Listener is an address that the gateway listens on.
type Listener struct {
	Pos      Pos    `yaml:"-"`
	Name     string `yaml:"name" doc:"Name of the listener. Default: http, http-2, …"`
	Address  string `yaml:"address" doc:"host:port, or :port for every address. Required."`
	Protocol string `yaml:"protocol" enum:"http,https,h2c,grpc" doc:"http is HTTP/1.1; https is HTTP/1.1, HTTP/2 and HTTP/3; h2c adds HTTP/2 without TLS to http; grpc is h2c, or HTTP/2 with tls, without the idle limit that would cut quiet streams. Default: http."`
	TLS      *TLS   `yaml:"tls" doc:"Certificates; for https and grpc."`
}

// TLS are the certificates of a listener.
type TLS struct {
	Pos       Pos           `yaml:"-"`
	Cert      string        `yaml:"cert" doc:"PEM file of the certificate chain."`
	Key       string        `yaml:"key" doc:"PEM file of the private key."`
	ClientCA  string        `yaml:"client_ca" doc:"PEM file; clients must show a certificate that it has signed."`
	Automatic *AutomaticTLS `yaml:"automatic" doc:"Certificates that Caddy obtains and renews."`
}

// AutomaticTLS are certificates that Caddy manages.
type AutomaticTLS struct {
	Pos    Pos        `yaml:"-"`
	Hosts  StringList `yaml:"hosts" doc:"Host names. Required."`
	Email  string     `yaml:"email" doc:"Contact for the certificate authority."`
	Issuer string     `yaml:"issuer" enum:"acme,internal" doc:"acme is a public authority, internal is Caddy's own. Default: acme."`
}

// Route is a rule that sends requests to an upstream, or answers them.
type Route struct {
	Pos         Pos               `yaml:"-"`
	ID          string            `yaml:"id" doc:"Name of the route in logs, metrics and the admin API; unique. Default: route-N."`
	Path        string            `yaml:"path" doc:"Path that matches: exact, with {captures}, or with a trailing *. Default: every path."`
	Paths       StringList        `yaml:"paths" doc:"Several paths, instead of path."`
	Hosts       StringList        `yaml:"hosts" doc:"Hosts that match: names or *.example.com. Default: every host."`
	Methods     StringList        `yaml:"methods" doc:"Methods that match; GET includes HEAD. Default: every method."`
	Headers     map[string]string `yaml:"headers" doc:"Headers that a request must have: an exact value, * (present), ! (absent), text* or *text."`
	Query       map[string]string `yaml:"query" doc:"Query parameters that a request must have, written as headers are."`
	Priority    int               `yaml:"priority" doc:"Decides between routes with the same host and path; higher wins. Default: 0."`
	Plugins     []PluginRef       `yaml:"plugins" doc:"Plugins that see the requests: names, or {name, config} with a configuration for this route."`
	Upstream    string            `yaml:"upstream" doc:"Name of the upstream. A route has an upstream, a redirect or a respond."`
	Redirect    *Redirect         `yaml:"redirect" doc:"Answers with a redirect: an address, or {to, status}."`
	Respond     *Respond          `yaml:"respond" doc:"Answers by itself: a text, or {status, body, headers}."`
	StripPrefix string            `yaml:"strip_prefix" doc:"Removed from the front of the path before plugins and upstream see it."`
	Rewrite     string            `yaml:"rewrite" doc:"Replaces the path; {name} inserts a capture, {*} what a trailing * matched."`
	Timeout     Duration          `yaml:"timeout" doc:"Longest time until the response is complete; then 504. Default: no limit."`
	WebSocket   *bool             `yaml:"websocket" doc:"WebSockets pass by default; false is not available yet."`
	Retries     *Feature          `yaml:"retries" need:"later" doc:"Retries."`
	CORS        *Feature          `yaml:"cors" need:"later" doc:"Cross-origin requests."`
	RateLimit   *Feature          `yaml:"rate_limit" need:"later" doc:"Rate limit. The bundled plugin rate-limit works today."`
}

// PluginRef is a plugin of a route.
type PluginRef struct {
	Pos    Pos        `yaml:"-"`
	Name   string     `yaml:"name" doc:"Name of a plugin of the document, or of a bundled one. Required."`
	Config *yaml.Node `yaml:"config" doc:"Plugin configuration for this route: a text as it is, a mapping as compact JSON. Default: the plugin's own."`
}

// Redirect is an answer that sends the client elsewhere.
type Redirect struct {
	Pos    Pos    `yaml:"-"`
	To     string `yaml:"to" doc:"Where to; Caddy's placeholders such as {http.request.uri} work. Required."`
	Status int    `yaml:"status" doc:"301, 302, 303, 307 or 308. Default: 302."`
}

// Respond is an answer of the gateway's own.
type Respond struct {
	Pos     Pos               `yaml:"-"`
	Status  int               `yaml:"status" doc:"Status, 200 to 599. Default: 200."`
	Body    string            `yaml:"body" doc:"Body; Caddy's placeholders work."`
	Headers map[string]string `yaml:"headers" doc:"Headers."`
}

// Upstream is a group of backends.
type Upstream struct {
	Pos            Pos             `yaml:"-"`
	Name           string          `yaml:"name" doc:"Name of the upstream; unique. Required."`
	Endpoints      []Endpoint      `yaml:"endpoints" doc:"Backends: host:port, or {address, weight}. At least one."`
	LoadBalancer   string          `yaml:"load_balancer" enum:"round_robin,weighted,least_conn,random,p2c,ewma,consistent_hash" doc:"How the endpoint is picked; weights count. Default: round_robin."`
	Hash           *Hash           `yaml:"hash" doc:"What consistent_hash looks at; with it only."`
	Protocol       string          `yaml:"protocol" enum:"http,https,h2c,grpc" doc:"Protocol to the backends. Default: http."`
	TLS            *UpstreamTLS    `yaml:"tls" doc:"TLS to the backends; with protocol https."`
	ConnectionPool *ConnectionPool `yaml:"connection_pool" doc:"Bounds of the connections to the backends."`
	Transport      *Transport      `yaml:"transport" doc:"How requests are carried to the backends."`
	HealthCheck    *HealthCheck    `yaml:"health_check" doc:"Probes of the backends; those that fail get no traffic."`
	CircuitBreaker *CircuitBreaker `yaml:"circuit_breaker" doc:"Stops requests to a backend that keeps failing, and tries it again after a while."`
	PassiveHealth  *PassiveHealth  `yaml:"passive_health" doc:"Leaves a backend alone for a while when requests to it fail."`
	PanicThreshold int             `yaml:"panic_threshold" doc:"When fewer than so many percent of the backends are well, all get traffic. Default: never."`
	SlowStart      Duration        `yaml:"slow_start" doc:"How long the share of a backend that came back, or is new, grows to what is its own. Default: at once."`
}

// Endpoint is one backend.
type Endpoint struct {
	Pos     Pos    `yaml:"-"`
	Address string `yaml:"address" doc:"host:port, [ipv6]:port or unix//path. Required."`
	Weight  *int   `yaml:"weight" doc:"Share of the traffic. Default: 1."`
}

// Hash is what consistent_hash looks at.
type Hash struct {
	Pos           Pos    `yaml:"-"`
	Header        string `yaml:"header" doc:"Name of a request header. Exactly one of header, cookie and client_ip is required."`
	Cookie        string `yaml:"cookie" doc:"Name of a cookie."`
	ClientIP      bool   `yaml:"client_ip" doc:"The client's address."`
	BalanceFactor int    `yaml:"balance_factor" doc:"Requests in flight that an endpoint may have before its keys go to the next one, in percent of its share, 101 to 10000. Default: no bound."`
}

// UpstreamTLS is how TLS to the backends is checked.
type UpstreamTLS struct {
	Pos                Pos    `yaml:"-"`
	ServerName         string `yaml:"server_name" doc:"Name for SNI and verification. Default: the endpoint's host."`
	CA                 string `yaml:"ca" doc:"PEM file with the roots to trust. Default: the system's."`
	Cert               string `yaml:"cert" doc:"PEM file of the client certificate."`
	Key                string `yaml:"key" doc:"PEM file of the client key."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" doc:"Accepts any certificate; for tests. Default: false."`
}

// ConnectionPool bounds connections.
type ConnectionPool struct {
	Pos                Pos      `yaml:"-"`
	MaxIdlePerEndpoint int      `yaml:"max_idle_per_endpoint" doc:"Idle connections kept for each endpoint. Default: 128."`
	MaxPerEndpoint     int      `yaml:"max_per_endpoint" doc:"Most connections to one endpoint. Default: no limit."`
	IdleTimeout        Duration `yaml:"idle_timeout" doc:"Closes connections idle for so long. Default: 90s."`
	DialTimeout        Duration `yaml:"dial_timeout" doc:"Longest time to connect. Default: 3s."`
}

// Transport is how requests are carried.
type Transport struct {
	Pos               Pos    `yaml:"-"`
	Engine            string `yaml:"engine" enum:"loom,stock" doc:"Client for HTTP/1.1: Loom's own or Go's. Default: loom."`
	MaxResponseHeader Size   `yaml:"max_response_header" doc:"Largest head of a response. Default: 1MiB."`
}

// HealthCheck are probes.
type HealthCheck struct {
	Pos                Pos               `yaml:"-"`
	Type               string            `yaml:"type" enum:"http,tcp,grpc" doc:"A request, a connection, or grpc.health.v1.Health/Check. Default: http."`
	Path               string            `yaml:"path" doc:"Path of the request. Required for http."`
	Method             string            `yaml:"method" doc:"Method of the request. Default: GET."`
	Host               string            `yaml:"host" doc:"Host header of the request. Default: the endpoint's address."`
	Headers            map[string]string `yaml:"headers" doc:"Headers of the request."`
	ExpectStatus       StringList        `yaml:"expect_status" doc:"Statuses that pass: 200, 200-299 or 2xx. Default: 200-399."`
	ExpectBody         string            `yaml:"expect_body" doc:"Regular expression that the answer must match. Default: any answer."`
	Service            string            `yaml:"service" doc:"Service that grpc asks for. Default: the whole server."`
	Interval           Duration          `yaml:"interval" doc:"Time between probes. Default: 10s."`
	Jitter             int               `yaml:"jitter" doc:"By how much a pause may be shorter or longer, in percent; -1 is none. Default: 10."`
	Timeout            Duration          `yaml:"timeout" doc:"Longest time of one probe. Default: 2s."`
	HealthyThreshold   int               `yaml:"healthy_threshold" doc:"Passes in a row that make a backend healthy. Default: 2."`
	UnhealthyThreshold int               `yaml:"unhealthy_threshold" doc:"Failures in a row that make it unhealthy. Default: 3."`
	Initial            string            `yaml:"initial" enum:"healthy,unhealthy" doc:"What a backend is before its first probe. Default: healthy."`
}

// CircuitBreaker stops traffic to a backend that fails.
type CircuitBreaker struct {
	Pos              Pos        `yaml:"-"`
	FailureThreshold int        `yaml:"failure_threshold" doc:"Failures in a row that open the breaker. Default: 5."`
	FailureRate      int        `yaml:"failure_rate" doc:"Share of failures within window that opens it as well, in percent. Default: only failures in a row count."`
	MinimumRequests  int        `yaml:"minimum_requests" doc:"Fewest requests within window of which failure_rate is taken. Default: 20."`
	Window           Duration   `yaml:"window" doc:"Window of failure_rate. Default: 10s."`
	FailureStatuses  StringList `yaml:"failure_statuses" doc:"Statuses that are failures: 503, 502-504 or 5xx. Default: 5xx."`
	SuccessThreshold int        `yaml:"success_threshold" doc:"Successes that close it again. Default: 3."`
	Timeout          Duration   `yaml:"timeout" doc:"How long it refuses before it lets a probe through. Default: 30s."`
	HalfOpenRequests int        `yaml:"half_open_requests" doc:"Most probes at a time. Default: 1."`
}

// PassiveHealth leaves a backend alone that fails.
type PassiveHealth struct {
	Pos              Pos        `yaml:"-"`
	FailureThreshold int        `yaml:"failure_threshold" doc:"Failures in a row that eject a backend. Default: 5."`
	FailureStatuses  StringList `yaml:"failure_statuses" doc:"Statuses that are failures: 503, 502-504 or 5xx. Default: 5xx."`
	EjectionTime     Duration   `yaml:"ejection_time" doc:"Length of the first ejection; each further one is longer by as much. Default: 30s."`
	MaxEjectionTime  Duration   `yaml:"max_ejection_time" doc:"Longest ejection. Default: 5m."`
	MaxEjected       int        `yaml:"max_ejected" doc:"Most backends that are ejected at a time, in percent. Default: 50."`
}

// Plugin is a Proxy-Wasm plugin.
type Plugin struct {
	Pos                         Pos               `yaml:"-"`
	Name                        string            `yaml:"name" doc:"Name of the plugin; unique. Required."`
	Path                        string            `yaml:"path" doc:"The .wasm file, relative to the document's folder. Default: the bundled plugin of this name."`
	SHA256                      string            `yaml:"sha256" doc:"Hex digest that the file must have. Default: the digest that it has when the document is read."`
	Phase                       string            `yaml:"phase" enum:"on_request_headers,on_request_body,on_request_trailers,on_response_headers,on_response_body,on_response_trailers,on_log" doc:"Limits the plugin to one callback. Default: all that it exports."`
	Priority                    int               `yaml:"priority" doc:"Higher runs first on the way in, last on the way out. Default: 0."`
	Config                      *yaml.Node        `yaml:"config" doc:"Plugin configuration: a text as it is, a mapping as compact JSON."`
	VMConfig                    *yaml.Node        `yaml:"vm_config" doc:"VM configuration, written as config is."`
	RootID                      string            `yaml:"root_id" doc:"plugin_root_id, for modules with several roots."`
	VMID                        string            `yaml:"vm_id" doc:"Scope of shared data and queues. Default: the plugin's name."`
	Env                         map[string]string `yaml:"env" doc:"Environment variables that the plugin sees."`
	FailurePolicy               string            `yaml:"failure_policy" enum:"reload,closed,open" doc:"What requests get when the plugin fails: reload and closed answer 503, open skips the plugin; a failed instance is replaced, but with closed and the profile envoy. Default: reload."`
	Instances                   int               `yaml:"instances" doc:"Instances side by side. Default: one per processor."`
	Limits                      *Limits           `yaml:"limits" doc:"What the plugin may use."`
	CircuitBreaker              *PluginBreaker    `yaml:"circuit_breaker" doc:"Leaves a plugin alone whose instances fail as fast as they are replaced."`
	Recycle                     *Recycle          `yaml:"recycle" doc:"When an instance is replaced that has not failed."`
	AllowOnHeadersStopIteration bool              `yaml:"allow_on_headers_stop_iteration" doc:"Delivers body callbacks while a header callback has paused the request. Default: false."`
	Profile                     string            `yaml:"profile" enum:"envoy,kong,apisix,higress,google" doc:"Host whose quirks the plugin was built for. Default: as Envoy, and forgiving where Envoy refuses."`
	AllowMissingABIVersion      bool              `yaml:"allow_missing_abi_version" doc:"Takes a module without a mark of its ABI version for one of 0.2.1. Default: false; true with profile apisix."`
	UnknownImports              string            `yaml:"unknown_imports" enum:"fail,stub" doc:"What becomes of a module that imports hostcalls which no host has: refused, or answered with UNIMPLEMENTED. Default: fail."`
	SkipOwnLocalReply           bool              `yaml:"skip_own_local_reply" doc:"Leaves out the plugin's response callbacks for its own answers. Default: false; true with profile google."`
	Trusted                     bool              `yaml:"trusted" doc:"Leaves out call_timeout and start_timeout, and what they cost: an endless loop in the plugin is not stopped. Default: false."`
	TickMode                    string            `yaml:"tick_mode" enum:"all,leader" doc:"Whose timers run: of all instances, or of one. Default: all."`
	Allow                       *Allow            `yaml:"allow" doc:"What the plugin may do."`
}

// Allow narrows or widens what a plugin may do.
type Allow struct {
	Pos       Pos             `yaml:"-"`
	Functions StringList      `yaml:"functions" doc:"Hostcalls, WASI functions and callbacks that the plugin may use, by the ABI's names. Default: all."`
	Upstreams StringList      `yaml:"upstreams" doc:"Upstreams that the plugin may call; an empty list is none. Default: all."`
	Headers   *AllowedHeaders `yaml:"headers" doc:"Headers that the plugin may read and change."`
	Addresses StringList      `yaml:"addresses" doc:"host:port that the plugin may call besides the upstreams. Default: none."`
}

// AllowedHeaders are names of headers; one that ends in * stands for all that begin so.
type AllowedHeaders struct {
	Pos   Pos        `yaml:"-"`
	Read  StringList `yaml:"read" doc:"What the plugin sees, such as x-user or x-*; an empty list is nothing. Default: all."`
	Write StringList `yaml:"write" doc:"What it may add, change and remove; an empty list is nothing. Default: all."`
}

// Limits bound a plugin.
type Limits struct {
	Pos               Pos      `yaml:"-"`
	Memory            Size     `yaml:"memory" doc:"Most memory of one instance, such as 64MiB. Default: 64MiB."`
	CallTimeout       Duration `yaml:"call_timeout" doc:"Longest time of one callback. Default: 1s."`
	CompileTimeout    Duration `yaml:"compile_timeout" doc:"Longest time to compile the module. Default: 1m."`
	StartTimeout      Duration `yaml:"start_timeout" doc:"Longest time to start and configure an instance. Default: 10s."`
	Body              Size     `yaml:"body" doc:"Most that is buffered of one body. Default: 1MiB."`
	PauseTimeout      Duration `yaml:"pause_timeout" doc:"Longest time that the plugin may hold a request. Default: 30s."`
	DoneTimeout       Duration `yaml:"done_timeout" doc:"Longest time after on_done answered 0, until proxy_done. Default: 10s."`
	TickPeriod        Duration `yaml:"tick_period" doc:"Shortest period of ticks. Default: 10ms."`
	Configuration     Size     `yaml:"configuration" doc:"Largest configuration, and VM configuration. Default: 16MiB."`
	LogRate           int      `yaml:"log_rate" doc:"Lines a second that all instances may log. Default: 1000."`
	LogLine           Size     `yaml:"log_line" doc:"What is kept of one log line. Default: 16KiB."`
	Metrics           int      `yaml:"metrics" doc:"Metrics that the plugin may define. Default: 1000."`
	SharedData        Size     `yaml:"shared_data" doc:"What the shared data of its vm_id may take. Default: 64MiB."`
	QueueItems        int      `yaml:"queue_items" doc:"Items of one queue. Default: 100000."`
	QueueData         Size     `yaml:"queue_data" doc:"What all queues of its vm_id may take. Default: 64MiB."`
	Calls             int      `yaml:"calls" doc:"Calls under way of one instance. Default: 1000."`
	RequestCalls      int      `yaml:"request_calls" doc:"Calls under way for one request. Default: 100."`
	RequestCallsInAll int      `yaml:"request_calls_in_all" doc:"Calls for one request, one after the other. Default: 1000."`
	CallBody          Size     `yaml:"call_body" doc:"What one call may send. Default: 4MiB."`
	CallBodies        Size     `yaml:"call_bodies" doc:"What all calls under way of one instance may send. Default: 64MiB."`
}

// PluginBreaker leaves a plugin alone that keeps failing.
type PluginBreaker struct {
	Pos              Pos      `yaml:"-"`
	Disabled         bool     `yaml:"disabled" doc:"Lets requests into the plugin whatever happens. Default: false."`
	FailureThreshold int      `yaml:"failure_threshold" doc:"Failures of instances within window that open the breaker. Default: one more than instances, at least 5."`
	Window           Duration `yaml:"window" doc:"Time in which failures count. Default: 30s."`
	Timeout          Duration `yaml:"timeout" doc:"How long it stays open before one request is tried; doubles with each time that it opens again. Default: 1s."`
	MaxTimeout       Duration `yaml:"max_timeout" doc:"Longest time that it stays open. Default: 30s."`
}

// Recycle says when an instance is replaced that has not failed.
type Recycle struct {
	Pos      Pos      `yaml:"-"`
	Memory   Size     `yaml:"memory" doc:"Memory to which an instance may grow, such as 48MiB. Default: three quarters of limits.memory."`
	Age      Duration `yaml:"age" doc:"Age of an instance, less up to a quarter by chance. Default: never."`
	Requests int      `yaml:"requests" doc:"Requests that an instance serves, less up to a quarter by chance. Default: never."`
}

// Node is who the gateway is.
type Node struct {
	Pos      Pos        `yaml:"-"`
	ID       string     `yaml:"id" doc:"Id of the gateway, the property node.id."`
	Cluster  string     `yaml:"cluster" doc:"Group of gateways that it belongs to, the property node.cluster."`
	Metadata *yaml.Node `yaml:"metadata" doc:"Anything else, such as NAMESPACE: a mapping, the properties node.metadata.*."`
}

// Debug says who may see what each plugin did to a request.
type Debug struct {
	Pos      Pos      `yaml:"-"`
	Loopback bool     `yaml:"loopback" doc:"Answers Loom-Debug: 1 on connections from a loopback address. Behind a proxy on the same machine every request is. Default: false."`
	Key      string   `yaml:"key" doc:"Answers Loom-Debug: t=SECONDS,s=HEX from anywhere, signed with this key of at least 16 bytes; {env.NAME} and {file.PATH} are read when the config is loaded, and stay out of it. Default: none."`
	Window   Duration `yaml:"window" doc:"How far the time of a signature may be from the gateway's clock, 1h at most. Default: 1m."`
}

// Paths says what becomes of ambiguous request paths.
type Paths struct {
	Pos            Pos    `yaml:"-"`
	EncodedSlashes string `yaml:"encoded_slashes" enum:"reject,keep" doc:"%2F in a path: 400, or kept as part of its segment. Default: reject."`
	Semicolons     string `yaml:"semicolons" enum:"reject,keep,strip" doc:"Path parameters such as /a;x=1: 400, kept or removed. Default: reject."`
}

// Admin is the admin API.
type Admin struct {
	Pos     Pos    `yaml:"-"`
	Address string `yaml:"address" doc:"host:port. Default: 127.0.0.1:9091."`
	Enabled *bool  `yaml:"enabled" doc:"Default: true, when the section is there."`
}

// Metrics are the gateway's metrics.
type Metrics struct {
	Pos        Pos         `yaml:"-"`
	Prometheus *Prometheus `yaml:"prometheus" doc:"Metrics in Prometheus' format, on the admin address."`
}

// Prometheus is where metrics are read.
type Prometheus struct {
	Pos     Pos    `yaml:"-"`
	Enabled *bool  `yaml:"enabled" doc:"Default: true, when the section is there."`
	Path    string `yaml:"path" doc:"Path on the admin address. Default: /metrics."`
}
