package upstream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/nearest"
)

// Upstream is a named group of backends. It is safe for concurrent use.
type Upstream struct {
	settings  Settings
	endpoints []*Endpoint
	picker    balance.Picker
	memory    *Memory

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
	u := &Upstream{settings: s, memory: m}
	for _, settings := range s.Endpoints {
		e, err := newEndpoint(s, settings, tlsConfig)
		if err != nil {
			return nil, err
		}
		u.endpoints = append(u.endpoints, e)
	}
	for _, e := range u.endpoints {
		e.state = m.take(endpointKey{s.Name, e.name})
	}
	if u.picker, err = s.picker(u.endpoints); err != nil {
		u.forget()
		return nil, fmt.Errorf("balancing: %w", err)
	}
	return u, nil
}

func (s Settings) picker(endpoints []*Endpoint) (balance.Picker, error) {
	list := make([]balance.Endpoint, len(endpoints))
	for i, e := range endpoints {
		list[i] = balance.Endpoint{Name: e.name, Weight: e.weight, Load: &e.load}
	}
	return balance.New(s.LoadBalancer, list, balance.Options{BalanceFactor: s.Hash.BalanceFactor})
}

// forget gives the states of the endpoints back to the memory.
func (u *Upstream) forget() {
	for _, e := range u.endpoints {
		u.memory.release(endpointKey{u.settings.Name, e.name})
	}
}

func (s Settings) tlsConfig() (*tls.Config, error) {
	if s.Protocol != HTTPS {
		return nil, nil
	}
	return s.TLS.config()
}

// check looks for what ParseAddress and the balancer do not see.
func (s Settings) check() error {
	if err := oneOf("load_balancer", s.LoadBalancer, balance.Names()); err != nil {
		return err
	}
	if err := oneOf("protocol", s.Protocol, Protocols()); err != nil {
		return err
	}
	if err := s.Hash.check(s.LoadBalancer); err != nil {
		return err
	}
	if err := oneOf("transport engine", s.Engine, Engines()); err != nil {
		return err
	}
	if s.MaxResponseHeader < 0 || s.MaxResponseHeader > math.MaxInt32 {
		return errors.New("transport max_response_header: write a number of bytes below 2 GiB")
	}
	if len(s.Endpoints) == 0 {
		return errors.New("endpoints: at least one is required")
	}
	seen := make(map[string]bool, len(s.Endpoints))
	for _, e := range s.Endpoints {
		if seen[e.Address] {
			return fmt.Errorf("endpoint %q is listed twice: give it a weight instead", e.Address)
		}
		seen[e.Address] = true
	}
	if s.Pool.MaxIdlePerEndpoint < 0 || s.Pool.MaxPerEndpoint < 0 || s.Pool.IdleTimeout < 0 || s.Pool.DialTimeout < 0 {
		return errors.New("connection_pool: numbers and durations must not be negative")
	}
	return nil
}

func oneOf(field, got string, valid []string) error {
	for _, v := range valid {
		if got == v {
			return nil
		}
	}
	if meant := nearest.Word(got, valid); meant != "" {
		return fmt.Errorf("%s %q: did you mean %q?", field, got, meant)
	}
	return fmt.Errorf("%s %q is unknown: use %s", field, got, strings.Join(valid, ", "))
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
		u.forget()
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
