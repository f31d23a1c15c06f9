package loomadapter

import "go.yaml.in/yaml/v3"

// The types of the document. The tags are its reference: docs/loom.schema.json and docs/loom-yaml.md are made from
// them.

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

// has reports whether the mapping has the key.
func (p Pos) has(name string) bool {
	_, ok := p.keys[name]
	return ok
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
	Shutdown  *Shutdown  `yaml:"shutdown" doc:"How the gateway ends (docs/operations.md)."`
	Admin     *Admin     `yaml:"admin" doc:"The admin API: health, routes, upstreams, plugins. Default: off."`
	Metrics   *Metrics   `yaml:"metrics" doc:"Metrics of the gateway."`
	Recovery  *Recovery  `yaml:"recovery" doc:"Panics cost one request, docs/middleware.md. Default: on."`
	RequestID *RequestID `yaml:"request_id" doc:"An id for each request. Default: off."`
	Tracing   *Tracing   `yaml:"tracing" doc:"Trace spans by OpenTelemetry, configured by OTEL_* variables. Default: off."`
	AccessLog *AccessLog `yaml:"access_log" doc:"A line for each request. Default: off."`
	CORS      *CORS      `yaml:"cors" doc:"Cross-origin requests of browsers. Default: off."`
	RateLimit *RateLimit `yaml:"rate_limit" doc:"Rate limit that all routes without one of their own share, docs/rate-limit.md. Default: off."`
	Redis     []Redis    `yaml:"redis" doc:"Redis servers in which gateways share rate limits."`
	WebSocket *WebSocket `yaml:"websocket" doc:"What becomes of WebSockets. Default: all pass."`
}

// Listener is an address that the gateway listens on.
type Listener struct {
	Pos      Pos    `yaml:"-"`
	Name     string `yaml:"name" doc:"Name of the listener. Default: http, http-2, …"`
	Address  string `yaml:"address" doc:"host:port, or :port for every address. Required."`
	Protocol string `yaml:"protocol" enum:"http,https,h2c,grpc" doc:"http is HTTP/1.1; https is HTTP/1.1, HTTP/2 and HTTP/3; h2c adds HTTP/2 without TLS to http; grpc is h2c, or HTTP/2 with tls, without the idle limit that would cut quiet streams. Default: http."`
	TLS      *TLS   `yaml:"tls" doc:"Certificates; for https and grpc."`
	Handover *bool  `yaml:"handover" doc:"Reloads keep the listening socket and HTTP/1.1 connections that are idle. Default: true."`

	Protocols         StringList `yaml:"protocols" doc:"Which of h1, h2 and h3 an https listener speaks, such as [h1, h2] where UDP does not come through. Default: all."`
	ReadHeaderTimeout Duration   `yaml:"read_header_timeout" doc:"Longest that the head of a request may take. Default: 1m."`
	IdleTimeout       Duration   `yaml:"idle_timeout" doc:"How long a connection is kept that has no request. Default: 5m."`
	ReadIdleTimeout   Duration   `yaml:"read_idle_timeout" doc:"Longest that a client may pause while it sends a body; 0s is no limit. Default: 1m, and none for grpc."`
	WriteIdleTimeout  Duration   `yaml:"write_idle_timeout" doc:"Longest that a client may take nothing of a response; 0s is no limit. Default: 1m."`

	MaxHeaderSize  Size       `yaml:"max_header_size" doc:"Largest head of a request, such as 64KiB; a larger one is answered with 431. From 4KiB to 16MiB. Default: 16KiB."`
	TrustedProxies StringList `yaml:"trusted_proxies" doc:"Addresses or ranges (10.0.0.0/8) of proxies in front, whose X-Forwarded-For and request id count. Default: none."`
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
	Issuer string     `yaml:"issuer" enum:"acme,internal" doc:"acme is a public authority; internal is Caddy's own, whose root is caddy/pki/authorities/local/root.crt in the data folder, for clients to trust. Default: acme."`
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

	Token        string     `yaml:"token" doc:"Lets clients that send it (Authorization: Bearer) write from anywhere, at least 16 bytes; {env.NAME} and {file.PATH} are read when the config is loaded, and stay out of it. Default: none; then only clients on the gateway's own machine may write."`
	AllowedHosts StringList `yaml:"allowed_hosts" doc:"Names under which the API may be reached, besides IP addresses and localhost. Default: none."`
}

// Shutdown says how the gateway ends.
type Shutdown struct {
	Pos         Pos      `yaml:"-"`
	Delay       Duration `yaml:"delay" doc:"Time before listeners close, in which requests are still taken and /ready answers 503: for load balancers to look away. Default: 0."`
	GracePeriod Duration `yaml:"grace_period" doc:"Longest time that requests in flight get to end. Default: 30s."`
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
