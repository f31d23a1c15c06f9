package upstream_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/circuit"
	"github.com/loom-gateway/loom/internal/upstream"
)

// moody is a backend whose answer can be changed: a status, or 0 to break off.
type moody struct {
	status atomic.Int64
	seen   atomic.Int64
	*httptest.Server
}

func newMoody(t *testing.T, status int) *moody {
	t.Helper()
	m := &moody{}
	m.status.Store(int64(status))
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		m.seen.Add(1)
		status := int(m.status.Load())
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *moody) address() string { return m.Listener.Addr().String() }

// status of one whole call; 0 when there was no response.
func status(t *testing.T, u *upstream.Upstream) (int, error) {
	t.Helper()
	return statusOf(t.Context(), u)
}

func statusOf(ctx context.Context, u *upstream.Upstream) (int, error) {
	call := u.Begin()
	defer call.End()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/", nil)
	if err != nil {
		return 0, err
	}
	res, err := call.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res.StatusCode, err
}

func breaker(s circuit.Settings) *upstream.Breaker { return &upstream.Breaker{Settings: s} }

// events collects what an upstream says.
type events struct {
	mu   sync.Mutex
	list []upstream.Event
}

func observe(u *upstream.Upstream) *events {
	e := &events{}
	u.SetObserver(func(event upstream.Event) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.list = append(e.list, event)
	})
	return e
}

func (e *events) kinds() (kinds []upstream.Kind) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.list {
		kinds = append(kinds, event.Kind)
	}
	return kinds
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestBreaker has a backend fail in each way that counts, be left alone, and come back.
func TestBreaker(t *testing.T) {
	t.Parallel()
	for name, failing := range map[string]int{"status": 503, "reset": 0, "default statuses": 500} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMoody(t, failing)
			u := newUpstream(t, upstream.Settings{
				Endpoints: endpoints(m.address()),
				Breaker:   breaker(circuit.Settings{FailureThreshold: 3, SuccessThreshold: 2, Timeout: 30 * time.Millisecond}),
			})
			said := observe(u)
			for range 3 {
				status(t, u)
			}
			if got := u.Snapshot().Endpoints[0]; got.Breaker != "open" || got.LastError == "" || got.Available {
				t.Errorf("after three failures: %+v", got)
			}
			if _, err := status(t, u); err != nil && (!errors.Is(err, upstream.ErrNoEndpoint) || !strings.Contains(err.Error(), "1 of 1 stopped by a circuit breaker")) {
				t.Errorf("error %v", err)
			}
			m.status.Store(200)
			waitFor(t, "closing", func() bool {
				status(t, u)
				return u.Snapshot().Endpoints[0].Breaker == "closed"
			})
			kinds := said.kinds()
			if kinds[0] != upstream.BreakerOpened || kinds[len(kinds)-1] != upstream.BreakerClosed || !slices.Contains(kinds, upstream.BreakerHalfOpen) {
				t.Errorf("events: %v", kinds)
			}
		})
	}
}

// TestBreakerSendsNothing has an open breaker keep every request from its backend, and the others get them.
func TestBreakerSendsNothing(t *testing.T) {
	t.Parallel()
	bad, good := newMoody(t, 502), newMoody(t, 200)
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(bad.address(), good.address()),
		Breaker:   breaker(circuit.Settings{FailureThreshold: 2, Timeout: time.Hour}),
	})
	failed := 0
	for range 50 {
		if code, _ := status(t, u); code != 200 {
			failed++
		}
	}
	if failed != 2 || bad.seen.Load() != 2 {
		t.Errorf("%d requests failed and %d arrived, want 2", failed, bad.seen.Load())
	}
}

func TestBreakerCountsDialErrors(t *testing.T) {
	t.Parallel()
	good := newMoody(t, 200)
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(refusing(t), good.address()),
		Breaker:   breaker(circuit.Settings{FailureThreshold: 3, Timeout: time.Hour}),
	})
	for range 40 {
		if code, err := status(t, u); code != 200 {
			t.Fatal(code, err)
		}
	}
	if n := u.Snapshot().Endpoints[0].DialErrors; n != 3 {
		t.Errorf("%d connections were tried, want 3", n)
	}
}

// TestBreakerIgnoresWhoLeft counts a timeout of the request, and not a client that went away.
func TestBreakerIgnoresWhoLeft(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(hang) })
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(s.Listener.Addr().String()), Breaker: breaker(circuit.Settings{FailureThreshold: 1, Timeout: time.Hour}),
	})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := statusOf(ctx, u); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := u.Snapshot().Endpoints[0].Breaker; got != "closed" {
		t.Errorf("a client that left has made it %s", got)
	}
	ctx, leave := context.WithCancelCause(t.Context()) // how a route's timeout ends requests
	time.AfterFunc(20*time.Millisecond, func() { leave(context.DeadlineExceeded) })
	statusOf(ctx, u)
	if got := u.Snapshot().Endpoints[0].Breaker; got != "open" {
		t.Errorf("a timeout has left it %s", got)
	}
}

// TestBreakerCountsBrokenBodies has a response that breaks off in its middle be a failure.
func TestBreakerCountsBrokenBodies(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "half of it")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(s.Close)
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(s.Listener.Addr().String()), Breaker: breaker(circuit.Settings{FailureThreshold: 1, Timeout: time.Hour}),
	})
	if _, err := status(t, u); err == nil {
		t.Error("half a response without an error")
	}
	if got := u.Snapshot().Endpoints[0]; got.Breaker != "open" || !strings.Contains(got.LastError, "broke off") {
		t.Errorf("after half a response: %+v", got)
	}
}

// TestBreakerOutlivesChanges has a change of the upstream leave an open breaker open.
func TestBreakerOutlivesChanges(t *testing.T) {
	t.Parallel()
	var memory upstream.Memory
	m := newMoody(t, 500)
	s := upstream.Settings{Name: "a", Endpoints: endpoints(m.address()), Breaker: breaker(circuit.Settings{FailureThreshold: 1, Timeout: time.Hour})}
	old, err := memory.New(s)
	if err != nil {
		t.Fatal(err)
	}
	s.Endpoints = endpoints(m.address(), refusing(t))
	s.Breaker = breaker(circuit.Settings{FailureThreshold: 2, Timeout: time.Hour})
	next, err := memory.New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	status(t, old) // a request of the old config, while both are there
	old.Close()
	if got := next.Snapshot().Endpoints[0]; got.Breaker != "open" || got.Available {
		t.Errorf("the next upstream sees %+v", got)
	}
}

// TestTenThousandTrips leaves nothing behind.
func TestTenThousandTrips(t *testing.T) {
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(refusing(t)),
		Breaker:   breaker(circuit.Settings{FailureThreshold: 1, Timeout: time.Nanosecond}),
	})
	trip := func(n int) {
		for range n {
			status(t, u)
		}
	}
	trip(100)
	goroutines, before := runtime.NumGoroutine(), heap()
	trip(10_000)
	if n := u.Snapshot().Endpoints[0].BreakerOpenings; n < 10_000 {
		t.Fatalf("%d openings", n)
	}
	waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines+5 })
	if grown := int64(heap()) - int64(before); grown > 2<<20 {
		t.Errorf("10,000 trips have left %d bytes", grown)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestHalfOpenHammer has many requests meet a breaker that is half-open: one probe at a time arrives.
func TestHalfOpenHammer(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	ok := atomic.Bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		if !ok.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(5 * time.Millisecond)
	}))
	t.Cleanup(s.Close)
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(s.Listener.Addr().String()),
		Breaker:   breaker(circuit.Settings{FailureThreshold: 1, SuccessThreshold: 1000, Timeout: 20 * time.Second}),
	})
	status(t, u)
	ok.Store(true)
	upstream.RetryBreakers(u)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if _, err := status(t, u); err != nil && !errors.Is(err, upstream.ErrNoEndpoint) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d probes at a time", most.Load())
	}
}
