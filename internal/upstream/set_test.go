package upstream_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/circuit"
	"github.com/loom-gateway/loom/internal/upstream"
)

// counted is a backend that knows its open connections.
type counted struct {
	*httptest.Server
	open, seen atomic.Int64
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	c := &counted{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }))
	c.Config.ConnState = c.count
	c.Start()
	t.Cleanup(c.Close)
	return c
}

func (c *counted) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		c.open.Add(-1)
	}
}

func weighted(weight int, addresses ...string) []upstream.EndpointSettings {
	list := endpoints(addresses...)
	for i := range list {
		list[i].Weight = weight
	}
	return list
}

// Endpoints come and go under load, with every policy and both engines: no request fails, and what went has no connection left.
func TestEndpointsComeAndGo(t *testing.T) {
	t.Parallel()
	for _, policy := range balance.Names() {
		for _, engine := range upstream.Engines() {
			t.Run(policy+" "+engine, func(t *testing.T) {
				t.Parallel()
				list := []*counted{newCounted(t), newCounted(t), newCounted(t)}
				address := func(i int) string { return list[i].Listener.Addr().String() }
				s := upstream.Settings{Endpoints: endpoints(address(0)), LoadBalancer: policy, Engine: engine}
				if policy == balance.ConsistentHashName {
					s.Hash.Header = "X-Absent"
				}
				u := newUpstream(t, s)
				comeAndGo(t, u, [][]upstream.EndpointSettings{
					endpoints(address(0), address(1)), weighted(3, address(2), address(1)), endpoints(address(2)),
				})
				waitFor(t, "those that went to have no connection", func() bool { return list[0].open.Load() == 0 && list[1].open.Load() == 0 })
			})
		}
	}
}

func comeAndGo(t *testing.T, u *upstream.Upstream, sets [][]upstream.EndpointSettings) {
	t.Helper()
	var load sync.WaitGroup
	var stop atomic.Bool
	defer load.Wait()
	defer stop.Store(true)
	var sent atomic.Int64
	for range 4 {
		load.Go(func() {
			for !stop.Load() {
				if code, err := status(t, u); code != 200 || err != nil {
					t.Errorf("status %d, %v", code, err)
					return
				}
				sent.Add(1)
			}
		})
	}
	for range 5 {
		for _, set := range sets {
			before := sent.Load()
			for i := range set {
				set[i].Weight = max(1, set[i].Weight)
			}
			if err := upstream.Replace(u, set); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "requests under these endpoints", func() bool { return sent.Load() > before+20 || t.Failed() })
		}
	}
}

// An endpoint that stays is the same one: its breaker stays open, and its numbers go on.
func TestAnEndpointThatStays(t *testing.T) {
	t.Parallel()
	bad, good := newMoody(t, 500), newMoody(t, 200)
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(bad.address()), Breaker: breaker(circuit.Settings{FailureThreshold: 1}),
	})
	if code, err := status(t, u); code != 500 {
		t.Fatal(code, err)
	}
	first := u.Endpoints()[0]
	if err := upstream.Replace(u, weighted(1, good.address(), bad.address())); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if code, err := status(t, u); code != 200 {
			t.Fatal(code, err)
		}
	}
	s := u.Snapshot().Endpoints[1]
	if s.Breaker != "open" || s.Available || s.Requests != 1 || !slices.Contains(u.Endpoints(), first) {
		t.Errorf("the endpoint that stayed: %+v", s)
	}
}

// A request that began before the endpoints changed ends where it began.
func TestACallKeepsItsEndpoints(t *testing.T) {
	t.Parallel()
	a, b := newMoody(t, 200), newMoody(t, 201)
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(a.address())})
	call := u.Begin()
	defer call.End()
	if err := upstream.Replace(u, weighted(1, b.address())); err != nil {
		t.Fatal(err)
	}
	res, err := call.RoundTrip(request(t, nil))
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	res.Body.Close()
	if code, err := status(t, u); code != 201 {
		t.Error(code, err)
	}
}

// What the balancer refuses changes nothing.
func TestRefusedEndpointsChangeNothing(t *testing.T) {
	t.Parallel()
	a, b := newMoody(t, 200), newMoody(t, 201)
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(a.address())})
	if err := upstream.Replace(u, weighted(balance.MaxWeight+1, b.address())); err == nil {
		t.Error("a weight beyond the largest was taken")
	}
	if code, err := status(t, u); code != 200 {
		t.Error(code, err)
	}
	if list := u.Endpoints(); len(list) != 1 || list[0].Name() != a.address() {
		t.Errorf("the endpoints are %v", list)
	}
}
