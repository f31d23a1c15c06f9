package upstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/queue"
)

// Defaults of Pool where a limit is set.
const (
	DefaultMaxWaiting  = 1024
	DefaultWaitTimeout = 10 * time.Second
)

// ErrOverloaded says that the endpoints have as many requests as they may, and that as many wait as may, or that this one has
// waited too long. Nothing was sent.
var ErrOverloaded = errors.New("the limit of requests is reached")

// limits are those of an endpoint; nil where there is none. A connection with HTTP/1.1 carries one request at a time, so
// that a limit of connections is one of requests, and no client below has anybody wait for one.
func (p Pool) limits(http1Only bool) *queue.Limits {
	most := p.MaxRequestsPerEndpoint
	if http1Only && p.MaxPerEndpoint > 0 && (most == 0 || p.MaxPerEndpoint < most) {
		most = p.MaxPerEndpoint
	}
	if most == 0 {
		return nil
	}
	return &queue.Limits{Max: most, MaxWaiting: max(0, p.MaxWaiting), WaitTimeout: p.WaitTimeout}
}

// check wants limits that there is something for.
func (p Pool) check(protocol string) error {
	if p.MaxIdlePerEndpoint < 0 || p.MaxPerEndpoint < 0 || p.MaxRequestsPerEndpoint < 0 || p.MaxWaiting < -1 ||
		p.IdleTimeout < 0 || p.DialTimeout < 0 || p.WaitTimeout < 0 {
		return errors.New("connection_pool: numbers and durations must not be negative")
	}
	if p.MaxPerEndpoint > 0 && (protocol == H2C || protocol == GRPC) {
		return fmt.Errorf("connection_pool: max_per_endpoint is for HTTP/1.1: with the protocol %s write max_requests_per_endpoint", protocol)
	}
	if p.MaxPerEndpoint == 0 && p.MaxRequestsPerEndpoint == 0 && (p.MaxWaiting != 0 || p.WaitTimeout != 0) {
		return errors.New("connection_pool: max_waiting and wait_timeout need max_per_endpoint or max_requests_per_endpoint")
	}
	return nil
}

func (p *Pool) withDefaults() {
	p.MaxIdlePerEndpoint = orDefault(p.MaxIdlePerEndpoint, DefaultMaxIdlePerEndpoint)
	p.IdleTimeout = orDefault(p.IdleTimeout, DefaultIdleTimeout)
	p.DialTimeout = orDefault(p.DialTimeout, DefaultDialTimeout)
	if p.MaxPerEndpoint > 0 || p.MaxRequestsPerEndpoint > 0 {
		p.MaxWaiting = orDefault(p.MaxWaiting, DefaultMaxWaiting)
		p.WaitTimeout = orDefault(p.WaitTimeout, DefaultWaitTimeout)
	}
}

// limits are those of this moment: what TLS agrees on is known after the first connection.
func (e *Endpoint) limits() *queue.Limits {
	if e.limit != nil && e.http2.Load() {
		return e.http2Limit
	}
	return e.limit
}

// admit gets a place at the endpoint; while it is full, at another one that has a free place; then it waits in the line of
// the endpoint. Errors: ErrOverloaded, with queue.ErrFull when another endpoint should be asked, and what ended the context.
func (c *Call) admit(ctx context.Context) error {
	c.vacate()
	l := c.endpoint.limits()
	if l == nil {
		return nil
	}
	if !c.endpoint.gate.TryEnter(l) {
		c.moveToFree()
		if l = c.endpoint.limits(); l == nil {
			return nil
		}
		if err := c.endpoint.gate.Enter(ctx, l); err != nil {
			return c.notAdmitted(l, err)
		}
	}
	c.admitted = true
	return nil
}

// moveToFree has the balancer pick an endpoint with a free place, if there is one. What is bound to its endpoint stays there:
// by the hash of what it asks for, or because a plugin has said so.
func (c *Call) moveToFree() {
	if !c.picked || c.upstream.settings.LoadBalancer == balance.ConsistentHashName {
		return
	}
	c.crowded = true
	other := c.set.picker.Pick(c.key, c)
	c.crowded = false
	if other >= 0 {
		c.use(other, true)
	}
}

// full reports whether nobody gets in without waiting.
func (e *Endpoint) full() bool {
	l := e.limits()
	return l != nil && e.gate.Full(l)
}

func (c *Call) notAdmitted(l *queue.Limits, err error) error {
	e := c.endpoint
	switch {
	case errors.Is(err, queue.ErrFull):
		e.refused.Add(1)
		return fmt.Errorf("upstream %q, endpoint %s: %w: %d at a time, and %d wait: %w", c.upstream.settings.Name, e.name, ErrOverloaded, l.Max, l.MaxWaiting, err)
	case errors.Is(err, queue.ErrWaited):
		e.waitedOut.Add(1)
		return fmt.Errorf("upstream %q, endpoint %s: %w: %d at a time: %w, %s", c.upstream.settings.Name, e.name, ErrOverloaded, l.Max, err, l.WaitTimeout)
	}
	return fmt.Errorf("upstream %q, endpoint %s: waiting for a place: %w", c.upstream.settings.Name, e.name, err)
}

// vacate gives the place up, if the call has one.
func (c *Call) vacate() {
	if c.admitted {
		c.admitted = false
		c.endpoint.gate.Leave()
	}
}
