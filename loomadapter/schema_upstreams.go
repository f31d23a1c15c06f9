package loomadapter

// Upstream is a group of backends.
type Upstream struct {
	Pos            Pos             `yaml:"-"`
	Name           string          `yaml:"name" doc:"Name of the upstream; unique. Required."`
	Endpoints      []Endpoint      `yaml:"endpoints" doc:"Backends: host:port, or {address, weight, resolve}. At least one."`
	LoadBalancer   string          `yaml:"load_balancer" enum:"round_robin,weighted,least_conn,random,p2c,ewma,consistent_hash" doc:"How the endpoint is picked; weights count. Default: round_robin."`
	DNS            *DNS            `yaml:"dns" doc:"How names are looked up, for endpoints with resolve."`
	Hash           *Hash           `yaml:"hash" doc:"What consistent_hash looks at; with it only."`
	Protocol       string          `yaml:"protocol" enum:"http,https,h2c,grpc" doc:"Protocol to the backends. Default: http."`
	ProxyProtocol  string          `yaml:"proxy_protocol" enum:"v1,v2" doc:"Has connections begin with the client's address; none is shared by clients then. Default: not."`
	TLS            *UpstreamTLS    `yaml:"tls" doc:"TLS to the backends; with protocol https."`
	ConnectionPool *ConnectionPool `yaml:"connection_pool" doc:"Bounds of the connections to the backends."`
	Transport      *Transport      `yaml:"transport" doc:"How requests are carried to the backends."`
	HealthCheck    *HealthCheck    `yaml:"health_check" doc:"Probes of the backends; those that fail get no traffic."`
	CircuitBreaker *CircuitBreaker `yaml:"circuit_breaker" doc:"Stops requests to a backend that keeps failing, and tries it again after a while."`
	PassiveHealth  *PassiveHealth  `yaml:"passive_health" doc:"Leaves a backend alone for a while when requests to it fail."`
	PanicThreshold int             `yaml:"panic_threshold" doc:"When fewer than so many percent of the backends are well, all get traffic. Default: never."`
	Retries        *Retries        `yaml:"retries" doc:"Requests that failed are sent again, for all routes that do not say otherwise. Default: none."`
	RetryBudget    *RetryBudget    `yaml:"retry_budget" doc:"Bounds the retries of all routes together."`
	SlowStart      Duration        `yaml:"slow_start" doc:"How long the share of a backend that came back, or is new, grows to what is its own. Default: at once."`
}

// Endpoint is one backend.
type Endpoint struct {
	Pos     Pos    `yaml:"-"`
	Address string `yaml:"address" doc:"host:port, [ipv6]:port or unix//path. Required."`
	Weight  *int   `yaml:"weight" doc:"Share of the traffic, of each address behind a name. Default: 1."`
	Resolve string `yaml:"resolve" enum:"a,srv" doc:"Looks the name up again and again; each address behind it is a backend. srv takes a name without a port. Default: the name is one backend."`
}

// DNS is how names are looked up.
type DNS struct {
	Pos       Pos        `yaml:"-"`
	Resolvers StringList `yaml:"resolvers" doc:"DNS servers as ip or ip:port. Default: what the system asks."`
	Interval  Duration   `yaml:"interval" doc:"Time between lookups. Default: as long as the answer holds, 1s to 5m; 30s without resolvers."`
	Timeout   Duration   `yaml:"timeout" doc:"Longest lookup, and longest that requests wait for the first. Default: 5s."`
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
	MinVersion         string `yaml:"min_version" enum:"tls1.2,tls1.3" doc:"Oldest version of TLS. Default: tls1.2."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" doc:"Accepts any certificate; for tests. Default: false."`
}

// ConnectionPool bounds connections.
type ConnectionPool struct {
	Pos                Pos      `yaml:"-"`
	MaxIdlePerEndpoint int      `yaml:"max_idle_per_endpoint" doc:"Idle connections kept for each endpoint. Default: 128."`
	MaxPerEndpoint     int      `yaml:"max_per_endpoint" doc:"Most connections to one endpoint, with HTTP/1.1. Default: no limit."`
	MaxRequests        int      `yaml:"max_requests_per_endpoint" doc:"Most requests to one endpoint at a time. Default: no limit."`
	MaxWaiting         int      `yaml:"max_waiting" doc:"Requests that wait for an endpoint at its limit; further ones get 503. Default: 1024; -1 is none."`
	WaitTimeout        Duration `yaml:"wait_timeout" doc:"Longest that one waits. Default: 10s."`
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
