package datapath

import (
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/loom-gateway/loom/internal/rawbackend"
	loomapp "github.com/loom-gateway/loom/modules/gateway"
)

// alive answers every request.
func alive(_ int, conn *rawbackend.Conn) {
	for !conn.Over && conn.ReadRequest() != nil {
		conn.Send(ok + "Content-Length: 5\r\n\r\nalive")
	}
}

// TestOneOfThreeDies kills a backend under load: no more requests fail than were on their way to it.
func TestOneOfThreeDies(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 250
	backends := []*rawbackend.Backend{rawbackend.Start(t, alive), rawbackend.Start(t, alive), rawbackend.Start(t, alive)}
	g := start(t, toBackend+upstream(addresses(backends), "load_balancer: least_conn", "circuit_breaker: {failure_threshold: 3}"))
	var all sync.WaitGroup
	var sent, failed atomic.Int64
	for _, c := range append(g.clients(t), g.clients(t)[:workers-5]...) {
		all.Go(func() {
			for range each {
				if got := c.get(t, "/"); got != "200 alive" {
					failed.Add(1)
				}
				if sent.Add(1) == workers*each/4 {
					backends[1].Close()
				}
			}
		})
	}
	all.Wait()
	if n := failed.Load(); n > workers {
		t.Errorf("%d of %d requests failed, and at most %d were on their way", n, sent.Load(), workers)
	}
}

// TestAllDie answers at once when no backend is left, with a reason in the log, and goes on as soon as they are back.
func TestAllDie(t *testing.T) {
	t.Parallel()
	backends := []*rawbackend.Backend{rawbackend.Start(t, alive), rawbackend.Start(t, alive)}
	g := start(t, toBackend+upstream(addresses(backends), "health_check: {path: /, interval: 100ms, unhealthy_threshold: 1, healthy_threshold: 2}"))
	c := g.client(t, "h1")
	if got := c.get(t, "/"); got != "200 alive" {
		t.Fatal(got)
	}
	for _, b := range backends {
		b.Close()
	}
	until(t, "the gateway knows", func() bool { return c.get(t, "/") == "503" })
	g.each(t, func(t *testing.T, c client) {
		for range 20 {
			if got := c.get(t, "/"); got != "503" {
				t.Errorf("the client gets %q", got)
			}
		}
	})
	if !strings.Contains(g.Logs(), "no endpoint is available: 2 of 2 unhealthy by its health check") {
		t.Error("the log does not say why")
	}
	rawbackend.StartAt(t, backends[0].Address, alive)
	until(t, "the gateway has found the backend again", func() bool { return c.get(t, "/") == "200 alive" })
	g.each(t, func(t *testing.T, c client) {
		if got := c.get(t, "/"); got != "200 alive" {
			t.Errorf("the client gets %q", got)
		}
	})
}

// TestFlapping has one of two backends come and go, with a breaker and ejection. What fails is bounded by what these let through, and
// the other backend is never taken out.
func TestFlapping(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	var refused atomic.Int64
	flapping := rawbackend.Start(t, func(_ int, conn *rawbackend.Conn) {
		switch {
		case conn.ReadRequest() == nil:
		case broken.Load():
			refused.Add(1)
			conn.Reset()
		default:
			conn.Send(ok + "Content-Length: 5\r\nConnection: close\r\n\r\nalive")
		}
	})
	steady := rawbackend.Start(t, alive)
	g := start(t, toBackend+upstream([]string{flapping.Address, steady.Address}, "circuit_breaker: {failure_threshold: 2, success_threshold: 1, timeout: 50ms}",
		"passive_health: {failure_threshold: 3, ejection_time: 50ms, max_ejected: 50}"))
	c := g.client(t, "h1")
	const requests, period = 4000, 200
	failed := 0
	for i := range requests {
		broken.Store(i/period%2 == 1)
		if got := c.get(t, "/"); got == "503" {
			t.Fatalf("request %d: nobody may be used, though one backend never failed", i)
		} else if got != "200 alive" {
			failed++
		}
	}
	if refused.Load() == 0 {
		t.Error("the backend was never seen broken: this tests nothing")
	}
	if int64(failed) > refused.Load() || failed > requests/10 {
		t.Errorf("%d of %d requests failed; %d met the broken backend", failed, requests, refused.Load())
	}
	broken.Store(false)
	until(t, "both are used again", func() bool { return available(g, flapping.Address) && c.get(t, "/") == "200 alive" })
}

// available reports whether the endpoint gets requests.
func available(g *gateway, address string) bool {
	for _, u := range g.App("loom").(*loomapp.App).UpstreamSnapshots() {
		for _, e := range u.Endpoints {
			if e.Address == address {
				return e.Available
			}
		}
	}
	return false
}

// TestTrippingLeaksNothing opens and closes a breaker ten thousand times: goroutines, descriptors and memory are what they were.
func TestTrippingLeaksNothing(t *testing.T) {
	trips := 10_000
	if testing.Short() {
		trips = 1000
	}
	fails := rawbackend.Start(t, func(_ int, conn *rawbackend.Conn) {
		for !conn.Over && conn.ReadRequest() != nil {
			conn.Send("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
		}
	})
	g := start(t, toBackend+upstream([]string{fails.Address}, "circuit_breaker: {failure_threshold: 1, success_threshold: 1, timeout: 1us}"))
	c := g.client(t, "h1")
	trip := func(n int) {
		for range n {
			if got := c.get(t, "/"); got != "500" && got != "503" {
				t.Fatalf("the client gets %q", got)
			}
		}
	}
	trip(500)
	before := usage(t)
	trip(trips)
	until(t, "goroutines and descriptors are what they were", func() bool {
		now := usage(t)
		return now.goroutines <= before.goroutines+5 && now.descriptors <= before.descriptors+3
	})
	if now := usage(t); now.heap > before.heap+8<<20 {
		t.Errorf("the heap was %d KiB and is %d KiB", before.heap>>10, now.heap>>10)
	}
}

type resources struct {
	goroutines, descriptors int
	heap                    uint64
}

func usage(t testing.TB) resources {
	t.Helper()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("not counted here: descriptors (%v)", err)
	}
	return resources{runtime.NumGoroutine(), len(files), memory.HeapAlloc}
}

func addresses(backends []*rawbackend.Backend) (list []string) {
	for _, b := range backends {
		list = append(list, b.Address)
	}
	return list
}
