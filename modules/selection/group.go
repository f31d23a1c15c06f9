package selection

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/loom-gateway/loom/internal/balance"
)

// policy is what all selection policies of this package are made of.
type policy struct {
	// Weights by dial address, as the proxy's upstreams write it. Default: 1 each.
	Weights map[string]int `json:"weights,omitempty"`

	name    string
	options balance.Options
	counts  bool // the policy looks at the requests in flight
	group   atomic.Pointer[group]
}

// group is a picker over the upstreams that Caddy asked about last.
type group struct {
	pool   reverseproxy.UpstreamPool
	picker balance.Picker
	loads  []balance.Load
}

// provision fails on what no pool could make good.
func (p *policy) provision(name string, counts bool) error {
	p.name, p.counts = name, counts
	sample := []balance.Endpoint{{Weight: 1, Load: new(balance.Load)}}
	for address, weight := range p.Weights {
		sample[0].Weight = weight
		if _, err := balance.New(name, sample, p.options); err != nil {
			return fmt.Errorf("weight of %s: %w", address, err)
		}
	}
	_, err := balance.New(name, []balance.Endpoint{{Weight: 1, Load: new(balance.Load)}}, p.options)
	return err
}

// pick takes an upstream that is available, or nil.
func (p *policy) pick(pool reverseproxy.UpstreamPool, r *http.Request, key uint64) *reverseproxy.Upstream {
	g := p.groupOf(pool)
	if g == nil {
		return nil
	}
	i := g.picker.Pick(key, g)
	if i < 0 {
		return nil
	}
	if p.counts {
		g.begin(r.Context(), i)
	}
	return pool[i]
}

// groupOf is the group of a pool: the last one, unless the pool is another.
func (p *policy) groupOf(pool reverseproxy.UpstreamPool) *group {
	if len(pool) == 0 {
		return nil
	}
	last := p.group.Load()
	if last != nil && len(last.pool) == len(pool) && &last.pool[0] == &pool[0] {
		return last
	}
	g := &group{pool: pool}
	if last != nil && sameAddresses(last.pool, pool) { // dynamic upstreams are made anew
		g.picker, g.loads = last.picker, last.loads
	} else if !p.fill(g) {
		return nil
	}
	p.group.Store(g)
	return g
}

func sameAddresses(a, b reverseproxy.UpstreamPool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Dial != b[i].Dial {
			return false
		}
	}
	return true
}

// fill fails when the weights of the pool add up to too much.
func (p *policy) fill(g *group) bool {
	g.loads = make([]balance.Load, len(g.pool))
	list := make([]balance.Endpoint, len(g.pool))
	for i, u := range g.pool {
		list[i] = balance.Endpoint{Name: u.Dial, Weight: 1, Load: &g.loads[i]}
		if w, ok := p.Weights[u.Dial]; ok {
			list[i].Weight = w
		}
	}
	var err error
	g.picker, err = balance.New(p.name, list, p.options)
	return err == nil
}

// Excluded implements balance.Excluder.
func (g *group) Excluded(i int) bool { return !g.pool[i].Available() }

// begin counts a request until its context ends, which the server sees to when the request has.
func (g *group) begin(ctx context.Context, i int) {
	begun := time.Now()
	g.loads[i].Begin()
	context.AfterFunc(ctx, func() {
		now := time.Now()
		g.loads[i].Observe(now.Sub(begun), now)
		g.loads[i].End()
		g.picker.Done(i)
	})
}

// Interface guard
var _ balance.Excluder = (*group)(nil)
