package upstream

import (
	"sync"
	"sync/atomic"

	"github.com/loom-gateway/loom/internal/balance"
)

// Memory is what is known about endpoints, for as long as an Upstream of any config has them: an upstream whose
// settings change is another Upstream, and its endpoints that stay are not strangers to it. It is safe for concurrent
// use; the zero value is empty.
type Memory struct {
	mu        sync.Mutex
	endpoints map[endpointKey]*state
}

// endpointKey is an endpoint as configs name it.
type endpointKey struct{ upstream, address string }

// state is what is known about one endpoint. Every Upstream that has the endpoint reads and writes the same one.
type state struct {
	users int // guarded by Memory.mu

	load       balance.Load
	requests   atomic.Uint64
	dialErrors atomic.Uint64
}

// take finds the state of an endpoint, or begins one.
func (m *Memory) take(key endpointKey) *state {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.endpoints[key]
	if s == nil {
		s = new(state)
		if m.endpoints == nil {
			m.endpoints = map[endpointKey]*state{}
		}
		m.endpoints[key] = s
	}
	s.users++
	return s
}

// release gives a state back that was taken. It is forgotten with its last user.
func (m *Memory) release(key endpointKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.endpoints[key]
	if s.users--; s.users == 0 {
		delete(m.endpoints, key)
	}
}
