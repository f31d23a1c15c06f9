package upstream_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/circuit"
	"github.com/loom-gateway/loom/internal/upstream"
)

// TestOneOfThreeDies kills a backend under load: no more requests fail than were on their way to it.
func TestOneOfThreeDies(t *testing.T) {
	t.Parallel()
	const workers = 8
	list := []*moody{newMoody(t, 200), newMoody(t, 200), newMoody(t, 200)}
	u := newUpstream(t, upstream.Settings{
		Endpoints:    endpoints(list[0].address(), list[1].address(), list[2].address()),
		LoadBalancer: "least_conn",
		Health:       probing(20 * time.Millisecond),
		Breaker:      breaker(circuit.Settings{FailureThreshold: 3, Timeout: 50 * time.Millisecond}),
	})
	u.Start()
	var all sync.WaitGroup
	var sent, failed atomic.Int64
	for range workers {
		all.Go(func() {
			for range 250 {
				if code, err := status(t, u); code != 200 || err != nil {
					failed.Add(1)
				}
				if sent.Add(1) == workers*50 {
					list[1].Listener.Close()
					list[1].CloseClientConnections()
				}
			}
		})
	}
	all.Wait()
	if n := failed.Load(); n > workers {
		t.Errorf("%d of %d requests failed, and at most %d were on their way", n, sent.Load(), workers)
	}
	waitFor(t, "the dead one to be out", func() bool { return !u.Snapshot().Endpoints[1].Available })
}
