package gateway

import "github.com/caddyserver/caddy/v2"

// Retries says which requests that failed are sent again: of an upstream, for all routes to it that do not say otherwise, or
// of a `loom_proxy` handler.
type Retries struct {
	// Disabled switches off what the upstream says; for handlers. Default: false.
	Disabled bool `json:"disabled,omitempty"`

	// Attempts are the most tries after the first, 1 to 20. Default: 2.
	Attempts int `json:"attempts,omitempty"`

	// On are the failures that are worth another try: `connect-failure` (no endpoint could be connected to), `reset` (the
	// connection broke before the response, or what came was none), `timeout` (per_try_timeout is over), statuses (`503`, `502-504`, `5xx`), and
	// codes of gRPC in the header of a response: `cancelled`, `deadline-exceeded`, `internal`, `resource-exhausted`,
	// `unavailable`. Default: `connect-failure`, `reset`, `timeout` and `502-504`.
	On []string `json:"on,omitempty"`

	// PerTryTimeout bounds the time of one try until the head of its response. Default: 0, no limit but the route's.
	PerTryTimeout caddy.Duration `json:"per_try_timeout,omitempty"`

	// Methods of requests that may be sent again after a backend may have seen them. Requests with an `Idempotency-Key` may
	// whatever their method, as may those that failed without a connection, or with a gRPC code.
	// Default: `GET`, `HEAD`, `OPTIONS`, `TRACE`, `PUT` and `DELETE`.
	Methods []string `json:"methods,omitempty"`

	// BodyLimit is the longest body that is kept to be sent again, in bytes, at most 64 MiB. A request whose body is longer
	// is sent as it comes, and once. Default: 64 KiB.
	BodyLimit int64 `json:"body_limit,omitempty"`

	// Backoff is the wait before a try. Default: see each field.
	Backoff *Backoff `json:"backoff,omitempty"`
}

// Backoff is a wait by chance between nothing and a bound that doubles with each try.
type Backoff struct {
	// Base is the first bound. Default: 25ms.
	Base caddy.Duration `json:"base,omitempty"`

	// Max is the longest one. Default: ten times base.
	Max caddy.Duration `json:"max,omitempty"`
}

// RetryBudget bounds the retries of all requests to an upstream, whatever their routes say. It is kept over reloads.
type RetryBudget struct {
	// Percent of the requests within window may be retries, 1 to 100. Requests of routes without retries do not count.
	// Default: 20.
	Percent int `json:"percent,omitempty"`

	// Window of percent, 1s to 1h, kept in tenths. Default: 10s.
	Window caddy.Duration `json:"window,omitempty"`

	// MinPerSecond retries are allowed in any case, over the whole window; -1 is none. Default: 10.
	MinPerSecond int `json:"min_per_second,omitempty"`
}
