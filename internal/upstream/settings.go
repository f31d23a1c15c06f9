package upstream

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/circuit"
	"github.com/loom-gateway/loom/internal/health"
	"github.com/loom-gateway/loom/internal/http1"
	"github.com/loom-gateway/loom/internal/retry"
)

// Protocols to the backends.
const (
	HTTP  = "http"  // HTTP/1.1
	HTTPS = "https" // HTTP/1.1 or HTTP/2 over TLS
	H2C   = "h2c"   // HTTP/2 without TLS
	GRPC  = "grpc"  // the same as H2C
)

// Protocols are the valid values of Settings.Protocol.
func Protocols() []string { return []string{HTTP, HTTPS, H2C, GRPC} }

// Settings of an upstream. Everything in it is fixed for the life of the Upstream.
type Settings struct {
	// Name of the upstream, for errors and the admin API.
	Name string
	// Endpoints in the order of the config. At least one.
	Endpoints []EndpointSettings
	// LoadBalancer is one of balance.Names. Default: round_robin.
	LoadBalancer string
	// Hash is what consistent_hash looks at. Required for it, and for no other.
	Hash Hash
	// Protocol is one of Protocols. Default: http.
	Protocol string
	// TLS for the protocol https. Default: the system's roots, server name from the endpoint.
	TLS TLS
	// ProxyProtocol has each connection begin with the client's address, in one of ProxyProtocols. Default: empty, not.
	ProxyProtocol string
	// DNS is how names are looked up, for endpoints with Resolve. Default: see each field.
	DNS DNS
	// Pool bounds the connections. Default: see each field.
	Pool Pool
	// Engine carries HTTP/1.1, one of Engines. Default: loom, and stock where http1.Supported is false.
	Engine string
	// MaxResponseHeader bounds the head of a response, in bytes. Default: 1 MiB; net/http's own 10 MiB are too much to hold
	// for every connection of a misbehaving backend.
	MaxResponseHeader int64
	// Breaker stops requests to an endpoint that keeps failing. Default: nil, none.
	Breaker *Breaker
	// Health probes the endpoints, from Start on. Default: nil, no probes.
	Health *health.Settings
	// Passive leaves an endpoint alone for a while when requests to it fail. Default: nil, never.
	Passive *Passive
	// PanicThreshold: when fewer than so many percent of the endpoints are well, all get traffic. Default: 0, never.
	PanicThreshold int
	// SlowStart is how long the share of an endpoint that came back grows to what is its own. Default: 0, at once.
	SlowStart time.Duration
	// RetryBudget bounds the retries of all calls together. Default: see each field.
	RetryBudget retry.BudgetSettings
}

// Breaker are the settings of the endpoints' circuit breakers.
type Breaker struct {
	circuit.Settings
	// Statuses that are failures, as health.ParseStatuses reads them. Default: 5xx.
	Statuses []string
}

// Passive is when an endpoint is left alone.
type Passive struct {
	health.Passive
	// Statuses that are failures, as health.ParseStatuses reads them. Default: 5xx.
	Statuses []string
}

// EndpointSettings is one backend.
type EndpointSettings struct {
	// Address as ParseAddress reads it.
	Address string
	// Weight is the share of the endpoint, and of each address behind a name. Default: 1.
	Weight int
	// Resolve has the name looked up, and each address behind it be an endpoint, by one of discovery.Types; for srv the
	// address is a name without a port. Default: empty, the address is one endpoint.
	Resolve string

	host string // whose address it is; empty: what Address says
}

func (s EndpointSettings) address() (Address, error) {
	address, err := ParseAddress(s.Address)
	if s.host != "" {
		address.Host = s.host
	}
	return address, err
}

// Pool bounds the connections of an upstream.
type Pool struct {
	// MaxIdlePerEndpoint connections are kept for each endpoint. Default: 128.
	MaxIdlePerEndpoint int
	// MaxPerEndpoint is the most connections with HTTP/1.1 to one endpoint. Default: 0, no limit.
	MaxPerEndpoint int
	// MaxRequestsPerEndpoint is the most requests to one endpoint at a time, upgraded connections included. Default: 0, no limit.
	MaxRequestsPerEndpoint int
	// MaxWaiting requests wait for an endpoint that is at one of these limits, first come, first served; further ones are
	// ErrOverloaded. Default: 1024; -1: none waits.
	MaxWaiting int
	// WaitTimeout is the longest that one waits; then it is ErrOverloaded. Default: 10s.
	WaitTimeout time.Duration
	// IdleTimeout closes a connection that was idle for so long. Default: 90s.
	IdleTimeout time.Duration
	// DialTimeout is the longest that connecting may take, and the longest that the TLS handshake may. Default: 3s.
	DialTimeout time.Duration
}

// Defaults of Pool.
const (
	DefaultMaxIdlePerEndpoint = 128
	DefaultIdleTimeout        = 90 * time.Second
	DefaultDialTimeout        = 3 * time.Second

	DefaultMaxResponseHeader = 1 << 20
)

// withDefaults fills in what is not set.
func (s Settings) withDefaults() Settings {
	s.LoadBalancer = orDefault(s.LoadBalancer, balance.RoundRobinName)
	s.Protocol = orDefault(s.Protocol, HTTP)
	s.Engine = orDefault(s.Engine, defaultEngine())
	s.MaxResponseHeader = orDefault(s.MaxResponseHeader, DefaultMaxResponseHeader)
	s.DNS.Timeout = orDefault(s.DNS.Timeout, DefaultDNSTimeout)
	s.Pool.withDefaults()
	s.resilience()
	s.Endpoints = slices.Clone(s.Endpoints)
	for i := range s.Endpoints {
		s.Endpoints[i].Weight = orDefault(s.Endpoints[i].Weight, 1)
	}
	return s
}

func defaultEngine() string {
	if http1.Supported {
		return EngineLoom
	}
	return EngineStock
}

// resilience fills in copies of what is optional.
func (s *Settings) resilience() {
	s.RetryBudget = s.RetryBudget.WithDefaults()
	if b := s.Breaker; b != nil {
		s.Breaker = &Breaker{b.Settings.WithDefaults(), failures(b.Statuses)}
	}
	if h := s.Health; h != nil {
		probes := h.WithDefaults()
		s.Health = &probes
	}
	if p := s.Passive; p != nil {
		s.Passive = &Passive{p.Passive.WithDefaults(), failures(p.Statuses)}
	}
}

func failures(statuses []string) []string {
	if len(statuses) == 0 {
		return []string{"5xx"}
	}
	return statuses
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Key identifies the upstream with all its settings, the certificates' bytes included: equal keys may share one Upstream.
func (s Settings) Key() string {
	data, err := json.Marshal(s.withDefaults())
	if err != nil {
		panic(fmt.Sprintf("encoding plain settings: %v", err)) // strings, numbers and bytes only
	}
	sum := sha256.Sum256(data)
	return s.Name + "@" + hex.EncodeToString(sum[:])
}
