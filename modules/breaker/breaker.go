// Package breaker is http.reverse_proxy.circuit_breakers.loom: Loom's circuit breaker for those who keep Caddy's
// reverse_proxy. In an upstream of the `loom` app each endpoint has a breaker, which sees much more.
package breaker

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/circuit"
	"github.com/loom-gateway/loom/internal/health"
)

func init() {
	caddy.RegisterModule(new(Breaker))
}

// Breaker is `loom`: it refuses requests after failures in a row, or too high a share of them, and tries again after a while.
//
// Caddy has one breaker for the whole handler, and tells it the status of each answer: never connections that cannot be
// made, timeouts or resets. A refused handler answers 503 for all its upstreams. It cannot bound the number of probes, since
// Caddy asks before it picks an upstream and may not send the request at all; and it begins anew with each reload.
type Breaker struct {
	// FailureThreshold is how many failures in a row open the breaker. Default: 5.
	FailureThreshold int `json:"failure_threshold,omitempty"`

	// FailureRate opens the breaker as well: the share of failures within `window`, in percent. Default: 0, only failures in
	// a row count.
	FailureRate int `json:"failure_rate,omitempty"`

	// MinimumRequests are the fewest answers within `window` of which failure_rate is taken. Default: 20.
	MinimumRequests int `json:"minimum_requests,omitempty"`

	// Window of failure_rate. Default: 10s.
	Window caddy.Duration `json:"window,omitempty"`

	// FailureStatuses are the statuses that are failures: one (`503`), a range (`502-504`) or a class (`5xx`). Default: `5xx`.
	FailureStatuses []string `json:"failure_statuses,omitempty"`

	// Timeout is how long an open breaker refuses before it lets requests probe. Default: 30s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// SuccessThreshold is how many successes close a half-open breaker. Default: 3.
	SuccessThreshold int `json:"success_threshold,omitempty"`

	settings circuit.Settings
	failures health.Statuses
	breaker  circuit.Breaker
	logger   *zap.Logger
}

// CaddyModule says who the module is.
func (*Breaker) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.circuit_breakers.loom", New: func() caddy.Module { return new(Breaker) }}
}

// Provision checks the settings.
func (b *Breaker) Provision(ctx caddy.Context) (err error) {
	b.logger = ctx.Logger()
	b.settings = circuit.Settings{
		FailureThreshold: b.FailureThreshold, FailureRate: b.FailureRate, MinimumRequests: b.MinimumRequests, Window: time.Duration(b.Window),
		Timeout: time.Duration(b.Timeout), SuccessThreshold: b.SuccessThreshold,
	}.WithDefaults()
	if err := b.settings.Check(); err != nil {
		return fmt.Errorf("circuit breaker: %w", err)
	}
	statuses := b.FailureStatuses
	if len(statuses) == 0 {
		statuses = []string{"5xx"}
	}
	if b.failures, err = health.ParseStatuses(statuses); err != nil {
		return fmt.Errorf("circuit breaker: failure_statuses: %w", err)
	}
	return nil
}

// OK implements reverseproxy.CircuitBreaker. Caddy asks any number of times for a request, so it changes nothing.
func (b *Breaker) OK() bool { return !b.breaker.Refuses(time.Now()) }

// RecordMetric implements reverseproxy.CircuitBreaker: a request that was answered is allowed and done at once.
func (b *Breaker) RecordMetric(status int, _ time.Duration) {
	permit, before, ok := b.breaker.Allow(&b.settings, time.Now)
	if !ok { // sent before it opened
		return
	}
	outcome := circuit.Success
	if b.failures.Has(status) {
		outcome = circuit.Failure
	}
	b.log(before)
	b.log(b.breaker.Done(permit, outcome, &b.settings, time.Now))
}

func (b *Breaker) log(c circuit.Change) {
	if c.Happened() {
		b.logger.Warn("circuit breaker", zap.Stringer("from", c.From), zap.Stringer("to", c.To))
	}
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Breaker)(nil)
	_ reverseproxy.CircuitBreaker = (*Breaker)(nil)
)
