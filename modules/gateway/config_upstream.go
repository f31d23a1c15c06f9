package gateway

import "github.com/caddyserver/caddy/v2"

// Upstream is a named group of backends, shared by all routes that name it.
type Upstream struct {
	// Endpoints are the backends. At least one is required.
	Endpoints []Endpoint `json:"endpoints,omitempty"`

	// LoadBalancer picks the endpoint: `round_robin` or `weighted` (the same: turns by weight), `least_conn` (fewest
	// requests in flight by weight), `random`, `p2c` (the less loaded of two by chance), `ewma` (the one of two by chance
	// that is expected to answer first) or `consistent_hash`. Default: `round_robin`.
	LoadBalancer string `json:"load_balancer,omitempty"`

	// DNS is how the names of endpoints with `resolve` are looked up. Default: see each field.
	DNS *UpstreamDNS `json:"dns,omitempty"`

	// Hash is what `consistent_hash` looks at. Required for it, and for no other.
	Hash *UpstreamHash `json:"hash,omitempty"`

	// Protocol to the backends: `http` (HTTP/1.1), `https` (HTTP/1.1 or HTTP/2 over TLS), `h2c` (HTTP/2
	// without TLS) or `grpc` (the same as h2c). Default: `http`.
	Protocol string `json:"protocol,omitempty"`

	// ProxyProtocol has each connection to a backend begin with the client's address: `v1` (text) or `v2` (binary). Connections
	// are not shared by clients then: with HTTP/1.1 each serves one request. Default: empty, not.
	ProxyProtocol string `json:"proxy_protocol,omitempty"`

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

	// Retries sends requests that failed again, for all routes to the upstream that do not say otherwise. Default: none.
	Retries *Retries `json:"retries,omitempty"`

	// RetryBudget bounds the retries of all routes together. Default: see each field.
	RetryBudget *RetryBudget `json:"retry_budget,omitempty"`
}

// Endpoint is one backend.
type Endpoint struct {
	// Address as host:port, [ipv6]:port or unix//path; a name without a port with resolve `srv`. Required.
	Address string `json:"address"`

	// Weight is the endpoint's share, and that of each address behind a name. With `srv` the weights of the records are
	// multiplied by it. Default: 1.
	Weight int `json:"weight,omitempty"`

	// Resolve has the name looked up in DNS, again and again, and each address behind it be an endpoint: `a` (A and AAAA
	// records), or `srv` (the SRV records of the lowest priority, with their ports and weights). Default: empty, a name is one
	// endpoint, and the system looks it up for each new connection.
	Resolve string `json:"resolve,omitempty"`
}

// UpstreamDNS is how names are looked up, for endpoints with `resolve`. A lookup that fails, or finds nothing, leaves the endpoints
// as they are.
type UpstreamDNS struct {
	// Resolvers are DNS servers to ask, as ip or ip:port, the next one when one does not answer. They take names as they are.
	// Default: what the system asks, with /etc/hosts and its search domains.
	Resolvers []string `json:"resolvers,omitempty"`

	// Interval between two lookups. Default: as long as the answer holds, within 1s and 5m; 30s without resolvers, since the
	// system does not tell.
	Interval caddy.Duration `json:"interval,omitempty"`

	// Timeout of a lookup, and the longest that requests wait for the first one. Default: 5s.
	Timeout caddy.Duration `json:"timeout,omitempty"`
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

	// Cert is a PEM file with the client certificate and its chain (mTLS). Default: none.
	Cert string `json:"cert,omitempty"`

	// Key is a PEM file with the private key of cert. Default: none.
	Key string `json:"key,omitempty"`

	// MinVersion of TLS: `tls1.2` or `tls1.3`. Default: `tls1.2`.
	MinVersion string `json:"min_version,omitempty"`

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

	// MaxPerEndpoint is the most connections to one endpoint, with the protocols `http` and `https`. With HTTP/2, where a
	// connection carries many requests, it is max_requests_per_endpoint that counts. Default: 0, no limit.
	MaxPerEndpoint int `json:"max_per_endpoint,omitempty"`

	// MaxRequestsPerEndpoint is the most requests to one endpoint at a time, with any protocol. WebSockets and streams count
	// until they end. Default: 0, no limit.
	MaxRequestsPerEndpoint int `json:"max_requests_per_endpoint,omitempty"`

	// MaxWaiting requests wait for an endpoint at one of these limits, first come, first served. When as many wait for each,
	// further requests get 503 with `Retry-After`, and gRPC calls UNAVAILABLE. Default: 1024; -1: none waits.
	MaxWaiting int `json:"max_waiting,omitempty"`

	// WaitTimeout is the longest that a request waits; then it gets the same. Default: 10s.
	WaitTimeout caddy.Duration `json:"wait_timeout,omitempty"`

	// IdleTimeout closes a connection that was idle for so long. Default: 90s.
	IdleTimeout caddy.Duration `json:"idle_timeout,omitempty"`

	// DialTimeout is the longest that connecting may take, and the longest that the TLS handshake may. Default: 3s.
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`
}
