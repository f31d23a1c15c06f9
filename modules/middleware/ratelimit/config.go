package ratelimit

import (
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/ratelimit"
	"github.com/loom-gateway/loom/modules/gateway"
)

// Handler is http.handlers.loom_rate_limit: requests beyond a rate are refused with 429 and Retry-After, and gRPC calls with
// RESOURCE_EXHAUSTED. It counts in this process, or in a Redis for all gateways that name the same one.
type Handler struct {
	// Name is what counts together: limiters of the same name, key and number of limits have the same counters, over routes,
	// listeners, reloads and, with redis, gateways. When a limit changes, a client's time until it is full again stays, up to a whole
	// burst. Default: none; then each route counts for itself, and anew when a limit changes.
	Name string `json:"name,omitempty"`

	// Limits that a request must keep, all of them. One to four; required.
	Limits []Limit `json:"limits,omitempty"`

	// Key is what counts apart, a list of `client_ip` (as `trusted_proxies` of the server have it), `header:NAME`, `cookie:NAME`,
	// `claim:NAME` (of the JSON web token in Authorization, whose signature is NOT checked here: only behind a plugin that does),
	// `route`, or `all` alone for one count of all. Default: `client_ip`.
	Key []string `json:"key,omitempty"`

	// IPv6Prefix is how many bits of an IPv6 address count: a client commonly has all addresses of a /64. Default: 64.
	IPv6Prefix int `json:"ipv6_prefix,omitempty"`

	// OnMissingKey is what becomes of requests that lack a header, cookie or claim of the key: `client_ip` (its address stands in),
	// `allow` or `deny` (400). Default: `client_ip`.
	OnMissingKey string `json:"on_missing_key,omitempty"`

	// MaxKeys is how many keys are known in this process at most, about 20 bytes each with one limit; beyond it those go first
	// that are full again. At least 1000. Default: 1000000.
	MaxKeys int `json:"max_keys,omitempty"`

	// Redis is the name of a server of the `loom` app that counts for many gateways. Default: none, each process counts for itself.
	Redis string `json:"redis,omitempty"`

	// OnStoreError is what becomes of requests while redis does not answer: `local` (counted in this process), `allow` or `deny`
	// (503). Default: `local`.
	OnStoreError string `json:"on_store_error,omitempty"`

	// Headers are the fields of responses that tell clients about their limit, in place of those that a backend sends: `trio` (RateLimit-Limit, RateLimit-Remaining and
	// RateLimit-Reset), `draft` (RateLimit and RateLimit-Policy, as in draft-ietf-httpapi-ratelimit-headers-10) or `off`.
	// Retry-After stands on every 429. Default: `trio`.
	Headers string `json:"headers,omitempty"`

	// Enforce false counts what would be refused, and refuses nothing. Default: true.
	Enforce *bool `json:"enforce,omitempty"`

	state
}

// Limit is a rate.
type Limit struct {
	// Rate is how many requests pass in each `per`, in the long run. Required.
	Rate int `json:"rate,omitempty"`

	// Per is the time that the rate is about. Default: 1s.
	Per caddy.Duration `json:"per,omitempty"`

	// Burst is how many requests may come at once, after a time without any. Default: rate.
	Burst int `json:"burst,omitempty"`
}

// state is what Provision makes.
type state struct {
	app      *gateway.App
	log      *zap.Logger
	limiter  *ratelimit.Limiter
	keys     keyer
	fields   fields
	enforced bool
	counts   *gateway.LimitCounts
	unrouted *gateway.RouteLimits
	routes   *sync.Map // of *gateway.RouteInfo to its *gateway.RouteLimits
	refusals *refusals
}
