package upstream

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/health"
)

// Upstream is a named group of backends. It is safe for concurrent use.
type Upstream struct {
	settings  Settings
	endpoints []*Endpoint
	picker    balance.Picker
	available availability
	memory    *Memory
	record    *record

	breakerStatuses, passiveStatuses health.Statuses // that are failures

	start       sync.Once
	probes      []health.Probe  // by endpoint
	probing     context.Context //nolint:containedctx // of the probes, from Start to Close
	stopProbing context.CancelFunc
	observer    atomic.Pointer[func(Event)]

	calls  atomic.Int64
	closed atomic.Bool
}

// New makes an upstream with a memory of its own.
func New(s Settings) (*Upstream, error) { return new(Memory).New(s) }

// New makes an upstream. It opens no connection and starts no goroutine. The memory is held until Close.
func (m *Memory) New(s Settings) (*Upstream, error) {
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return nil, err
	}
	tlsConfig, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	u := &Upstream{settings: s, memory: m, available: availability{whole: make([]bool, len(s.Endpoints))}}
	for _, settings := range s.Endpoints {
		e, err := newEndpoint(s, settings, tlsConfig)
		if err != nil {
			return nil, err
		}
		u.endpoints = append(u.endpoints, e)
	}
	if err := u.parseStatuses(); err != nil {
		return nil, err
	}
	if err := u.makeProbes(); err != nil {
		return nil, err
	}
	if err := u.join(); err != nil {
		return nil, err
	}
	return u, nil
}

// join enters the memory.
func (u *Upstream) join() (err error) {
	joined := u.memory.join(u)
	if u.picker, err = u.settings.picker(u.endpoints); err != nil {
		u.memory.leave(u)
		return fmt.Errorf("balancing: %w", err)
	}
	u.refresh()
	if u.settings.SlowStart > 0 {
		for _, e := range joined {
			e.ramp.Begin(time.Now())
		}
	}
	return nil
}

func (u *Upstream) parseStatuses() (err error) {
	if b := u.settings.Breaker; b != nil {
		if u.breakerStatuses, err = health.ParseStatuses(b.Statuses); err != nil {
			return err
		}
	}
	if p := u.settings.Passive; p != nil {
		u.passiveStatuses, err = health.ParseStatuses(p.Statuses)
	}
	return err
}

func (s Settings) picker(endpoints []*Endpoint) (balance.Picker, error) {
	list := make([]balance.Endpoint, len(endpoints))
	for i, e := range endpoints {
		list[i] = balance.Endpoint{Name: e.name, Weight: e.weight, Load: &e.load}
	}
	return balance.New(s.LoadBalancer, list, balance.Options{BalanceFactor: s.Hash.BalanceFactor})
}

func (s Settings) tlsConfig() (*tls.Config, error) {
	if s.Protocol != HTTPS {
		return nil, nil
	}
	return s.TLS.config()
}

// Name of the upstream.
func (u *Upstream) Name() string { return u.settings.Name }

// Endpoints in the order of the config. The slice must not be changed.
func (u *Upstream) Endpoints() []*Endpoint { return u.endpoints }

// Begin lets one request in. Calls are welcome after Close too: requests that began under an old config end under it.
func (u *Upstream) Begin() *Call {
	u.calls.Add(1)
	return &Call{upstream: u}
}

// Close drains the upstream: connections are closed as soon as no Call is left. It returns at once, and may be called twice.
func (u *Upstream) Close() {
	if !u.closed.Swap(true) {
		u.stopProbing()
		u.observer.Store(nil)
		u.memory.leave(u)
	}
	if u.calls.Load() == 0 {
		u.closeIdle()
	}
}

// end lets a request out. The last one out of a closed upstream closes the connections.
func (u *Upstream) end() {
	if u.calls.Add(-1) == 0 && u.closed.Load() {
		u.closeIdle()
	}
}

func (u *Upstream) closeIdle() {
	for _, e := range u.endpoints {
		e.closeIdle()
	}
}
