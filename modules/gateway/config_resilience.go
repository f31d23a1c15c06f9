package gateway

import "github.com/caddyserver/caddy/v2"

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
	// FailureThreshold is how many failures in a row eject an endpoint. What is a failure is said at circuit_breaker.
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
