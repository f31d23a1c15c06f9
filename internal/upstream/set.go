package upstream

import (
	"fmt"
	"slices"
	"time"

	"github.com/loom-gateway/loom/internal/balance"
)

// set is the endpoints of an upstream at one moment, and the balancer over them. It does not change: a Call works with the
// one that it began with, and ends with it.
type set struct {
	endpoints []*Endpoint
	weights   []int          // by endpoint
	picker    balance.Picker // nil without endpoints
}

// set is the one of this moment.
func (u *Upstream) set() *set { return u.now.Load() }

// replace makes these the endpoints of the upstream. Those that stay keep their connections and their state; those that go
// drain: what is on its way to them ends there. An error changes nothing.
func (u *Upstream) replace(list []EndpointSettings) error {
	u.changing.Lock()
	defer u.changing.Unlock()
	if u.closed.Load() {
		return nil
	}
	old := u.set()
	next, added, err := u.makeSet(old, list)
	if err != nil {
		return err
	}
	removed := slices.DeleteFunc(slices.Clone(old.endpoints), func(e *Endpoint) bool { return slices.Contains(next.endpoints, e) })
	strangers := u.memory.enter(u, added)
	if next.picker, err = u.settings.picker(next); err != nil {
		u.memory.leave(u, added)
		return fmt.Errorf("balancing: %w", err)
	}
	u.install(next)
	if u.settings.SlowStart > 0 {
		for _, e := range strangers {
			e.ramp.Begin(time.Now())
		}
	}
	for _, e := range added {
		u.watch(e)
	}
	u.remove(removed)
	return nil
}

// makeSet finds the endpoints that stay, and makes the others.
func (u *Upstream) makeSet(old *set, list []EndpointSettings) (next *set, added []*Endpoint, err error) {
	next = &set{}
	for _, settings := range list {
		address, err := settings.address()
		if err != nil {
			return nil, nil, err
		}
		i := slices.IndexFunc(old.endpoints, func(e *Endpoint) bool { return e.name == settings.Address && e.address == address })
		var e *Endpoint
		if i >= 0 {
			e = old.endpoints[i]
		} else if e, err = u.newEndpoint(settings.Address, address); err != nil {
			return nil, nil, err
		} else {
			added = append(added, e)
		}
		next.endpoints, next.weights = append(next.endpoints, e), append(next.weights, settings.Weight)
	}
	return next, added, nil
}

func (s Settings) picker(of *set) (balance.Picker, error) {
	if len(of.endpoints) == 0 {
		return nil, nil
	}
	list := make([]balance.Endpoint, len(of.endpoints))
	for i, e := range of.endpoints {
		list[i] = balance.Endpoint{Name: e.name, Weight: of.weights[i], Load: &e.load}
	}
	return balance.New(s.LoadBalancer, list, balance.Options{BalanceFactor: s.Hash.BalanceFactor})
}

// install begins to use a set.
func (u *Upstream) install(next *set) {
	u.available.mu.Lock()
	for i, e := range next.endpoints {
		if e.out.Load() {
			next.picker.Set(i, false)
		}
	}
	u.now.Store(next)
	u.available.mu.Unlock()
	u.refresh()
}

// remove leaves endpoints alone that no set has any more.
func (u *Upstream) remove(endpoints []*Endpoint) {
	for _, e := range endpoints {
		if e.stopProbe != nil {
			e.stopProbe()
		}
		e.calls.Add(1)
		e.removed.Store(true)
		e.release()
	}
	u.memory.leave(u, endpoints)
}
