package upstream

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/circuit"
	"github.com/loom-gateway/loom/internal/health"
	"github.com/loom-gateway/loom/internal/queue"
)

// Memory is what is known about endpoints, for as long as an Upstream of any config has them: an upstream whose
// settings change is another Upstream, and its endpoints that stay are not strangers to it. It is safe for concurrent
// use; the zero value is empty.
type Memory struct {
	mu        sync.Mutex
	upstreams map[string]*record
}

// record is what is known about an upstream of that name.
type record struct {
	users     int
	endpoints map[string]*state // by address
	names     map[string]*lookups
	durations histogram
	retries   retryRecord
}

// state is what is known about one endpoint. Every Upstream that has the endpoint reads and writes the same one.
type state struct {
	users    int                         // guarded by Memory.mu
	watchers atomic.Pointer[[]*Upstream] // who has the endpoint

	load     balance.Load
	ramp     balance.Ramp
	breaker  circuit.Breaker
	health   health.Status
	ejection health.Ejection
	gate     queue.Gate // where there is a limit

	requests   atomic.Uint64
	dialErrors atomic.Uint64
	results    [6]atomic.Uint64 // by the status' first digit; 0: no response
	refused    atomic.Uint64    // requests for which the line was full
	waitedOut  atomic.Uint64    // requests that have waited too long
	failure    atomic.Pointer[failure]
}

// join gives an upstream its record.
func (m *Memory) join(u *Upstream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.upstreams == nil {
		m.upstreams = map[string]*record{}
	}
	r := m.upstreams[u.settings.Name]
	if r == nil {
		r = &record{endpoints: map[string]*state{}, names: map[string]*lookups{}}
		m.upstreams[u.settings.Name] = r
	}
	r.users++
	u.record = r
	if u.names != nil {
		r.know(u.names)
	}
}

// know gives names what is known about them.
func (r *record) know(n *names) {
	for _, name := range n.list {
		key := fmt.Sprint(name.query, n.settings.Resolvers)
		if r.names[key] == nil {
			r.names[key] = new(lookups)
		}
		name.lookups = r.names[key]
		name.users++
	}
}

// forget gives back what know gave.
func (r *record) forget(n *names) {
	for _, name := range n.list {
		if name.users--; name.users == 0 {
			maps.DeleteFunc(r.names, func(_ string, l *lookups) bool { return l == name.lookups })
		}
	}
}

// part gives the record back. An upstream that nobody has any more is forgotten, and so is a name.
func (m *Memory) part(u *Upstream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if u.names != nil {
		u.record.forget(u.names)
	}
	if u.record.users--; u.record.users == 0 {
		delete(m.upstreams, u.settings.Name)
	}
}

// enter gives endpoints of an upstream their states. strangers are those that are new to an upstream which has others.
func (m *Memory) enter(u *Upstream, endpoints []*Endpoint) (strangers []*Endpoint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := u.record
	known := len(r.endpoints) > 0
	for _, e := range endpoints {
		s := r.endpoints[e.name]
		if s == nil {
			s = new(state)
			r.endpoints[e.name] = s
			if known {
				strangers = append(strangers, e)
			}
		}
		s.users++
		s.watch(func(list []*Upstream) []*Upstream { return append(list, u) })
		e.state = s
	}
	return strangers
}

// leave gives the states of endpoints back. What nobody has any more is forgotten.
func (m *Memory) leave(u *Upstream, endpoints []*Endpoint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range endpoints {
		e.watch(func(list []*Upstream) []*Upstream {
			return slices.DeleteFunc(list, func(other *Upstream) bool { return other == u })
		})
		if e.users--; e.users == 0 {
			delete(u.record.endpoints, e.name)
		}
	}
}

// watch changes a copy of the list, since it is read without a lock.
func (s *state) watch(change func([]*Upstream) []*Upstream) {
	var list []*Upstream
	if old := s.watchers.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = change(list)
	s.watchers.Store(&list)
}

// changed tells every upstream that has the endpoint that it may have become available, or not.
func (s *state) changed() {
	for _, u := range *s.watchers.Load() {
		u.refresh()
	}
}
