package upstream_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/circuit"
	"github.com/loom-gateway/loom/internal/queue"
	"github.com/loom-gateway/loom/internal/upstream"
)

// busy is a backend that counts its requests at a time, and answers those to /held when it is told to.
type busy struct {
	*httptest.Server
	now, most, seen atomic.Int64
	release         chan struct{}
	paths           chan string
}

func newBusy(t *testing.T, protocol string) *busy {
	t.Helper()
	b := &busy{release: make(chan struct{}), paths: make(chan string, 100)}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n := b.now.Add(1)
		defer b.now.Add(-1)
		b.seen.Add(1)
		for old := b.most.Load(); n > old && !b.most.CompareAndSwap(old, n); old = b.most.Load() {
		}
		if r.URL.Path == "/" {
			time.Sleep(100 * time.Microsecond)
			return
		}
		b.paths <- r.URL.Path
		select {
		case <-b.release:
		case <-r.Context().Done():
		}
	}))
	switch protocol {
	case upstream.H2C:
		b.Config.Protocols = new(http.Protocols)
		b.Config.Protocols.SetUnencryptedHTTP2(true)
		b.Start()
	case upstream.HTTPS:
		b.EnableHTTP2 = true
		b.StartTLS()
	default:
		b.Start()
	}
	t.Cleanup(func() {
		b.CloseClientConnections()
		b.Close()
	})
	return b
}

// next is the path of the next request that is held.
func (b *busy) next(t *testing.T) string {
	t.Helper()
	select {
	case path := <-b.paths:
		return path
	case <-time.After(10 * time.Second):
		t.Fatal("the backend got no request")
		return ""
	}
}

// answer answers one that is held.
func (b *busy) answer(t *testing.T) {
	t.Helper()
	select {
	case b.release <- struct{}{}:
	case <-time.After(10 * time.Second):
		t.Fatal("the backend has no request to answer")
	}
}

func (b *busy) address() string { return b.Listener.Addr().String() }

// ask sends a request for a path, reads the response and ends the call.
func ask(ctx context.Context, u *upstream.Upstream, path string) (int, error) {
	call := u.Begin()
	defer call.End()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://example.com"+path, nil)
	if err != nil {
		return 0, err
	}
	res, err := call.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// limited are the ways to the same limit: both engines, HTTP/2 with and without TLS.
func limited(most, waiting int) map[string]upstream.Settings {
	connections := upstream.Pool{MaxPerEndpoint: most, MaxWaiting: waiting, WaitTimeout: time.Minute}
	requests := upstream.Pool{MaxRequestsPerEndpoint: most, MaxWaiting: waiting, WaitTimeout: time.Minute}
	insecure := upstream.TLS{InsecureSkipVerify: true}
	return map[string]upstream.Settings{
		"connections loom":  {Pool: connections, Engine: upstream.EngineLoom},
		"connections stock": {Pool: connections, Engine: upstream.EngineStock},
		"requests loom":     {Pool: requests, Engine: upstream.EngineLoom},
		"requests stock":    {Pool: requests, Engine: upstream.EngineStock},
		"h2c":               {Pool: requests, Protocol: upstream.H2C},
		"h2":                {Pool: requests, Protocol: upstream.HTTPS, TLS: insecure},
		"h2 stock":          {Pool: connections, Protocol: upstream.HTTPS, TLS: insecure, Engine: upstream.EngineStock},
	}
}

// The backend never sees more at a time than it may, all requests are answered, and nothing is left of them.
func TestTheLimitIsNeverExceeded(t *testing.T) {
	t.Parallel()
	for name, s := range limited(3, 1000) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBusy(t, s.Protocol)
			s.Endpoints = endpoints(b.address())
			u := newUpstream(t, s)
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					for range 100 {
						if code, err := ask(t.Context(), u, "/"); code != 200 || err != nil {
							t.Errorf("status %d, %v", code, err)
							return
						}
					}
				})
			}
			all.Wait()
			if b.most.Load() > 3 || b.seen.Load() != 2000 {
				t.Errorf("%d at a time, %d in all", b.most.Load(), b.seen.Load())
			}
			if e := u.Snapshot().Endpoints[0]; e.InFlight != 0 || e.Waiting != 0 || e.Refusals != 0 {
				t.Errorf("left over: %+v", e)
			}
		})
	}
}

// hold sends a request that is answered when the backend is told to, and waits until the backend has it.
func hold(t *testing.T, u *upstream.Upstream, b *busy, all *sync.WaitGroup) {
	t.Helper()
	all.Go(func() {
		if code, err := ask(t.Context(), u, "/held"); code != 200 || err != nil {
			t.Errorf("held: status %d, %v", code, err)
		}
	})
	b.next(t)
}

// waits sends requests for these paths one after another, each when the one before it waits.
func waits(ctx context.Context, t *testing.T, u *upstream.Upstream, all *sync.WaitGroup, paths ...string) {
	t.Helper()
	for i, path := range paths {
		all.Go(func() {
			if code, err := ask(ctx, u, path); code != 200 && ctx.Err() == nil {
				t.Errorf("%s: status %d, %v", path, code, err)
			}
		})
		waitFor(t, path+" to wait", func() bool { return u.Snapshot().Endpoints[0].Waiting == i+1 })
	}
}

func TestTheQueueIsFairAndBounded(t *testing.T) {
	t.Parallel()
	for name, s := range limited(1, 3) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBusy(t, s.Protocol)
			s.Endpoints = endpoints(b.address())
			s.Breaker = breaker(circuit.Settings{FailureThreshold: 1})
			u := newUpstream(t, s)
			if code, err := ask(t.Context(), u, "/"); code != 200 { // what TLS agrees on is known
				t.Fatal(code, err)
			}
			var all sync.WaitGroup
			hold(t, u, b, &all)
			waits(t.Context(), t, u, &all, "/a", "/b", "/c")
			for range 5 {
				if _, err := ask(t.Context(), u, "/d"); !errors.Is(err, upstream.ErrOverloaded) || !errors.Is(err, queue.ErrFull) {
					t.Errorf("behind a full line: %v", err)
				}
			}
			var order []string
			for range 3 {
				b.answer(t)
				order = append(order, b.next(t))
			}
			b.answer(t)
			all.Wait()
			if !slices.Equal(order, []string{"/a", "/b", "/c"}) {
				t.Errorf("they came in the order %q", order)
			}
			if e := u.Snapshot().Endpoints[0]; e.Refusals != 5 || e.Breaker != "closed" || e.LastError != "" {
				t.Errorf("%d refusals, breaker %s, last error %q", e.Refusals, e.Breaker, e.LastError)
			}
		})
	}
}

// A client that leaves gives up its place, and one that waits too long hears so; neither speaks against the endpoint.
func TestLeavingTheQueue(t *testing.T) {
	t.Parallel()
	b := newBusy(t, "")
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(b.address()), Pool: upstream.Pool{MaxPerEndpoint: 1, MaxWaiting: 1, WaitTimeout: 100 * time.Millisecond},
		Breaker: breaker(circuit.Settings{FailureThreshold: 1}),
	})
	var all sync.WaitGroup
	hold(t, u, b, &all)
	if _, err := ask(t.Context(), u, "/late"); !errors.Is(err, upstream.ErrOverloaded) || !errors.Is(err, queue.ErrWaited) {
		t.Errorf("who waited too long: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := ask(gone, u, "/gone"); !errors.Is(err, context.Canceled) || errors.Is(err, upstream.ErrOverloaded) {
		t.Errorf("who left: %v", err)
	}
	b.answer(t)
	all.Wait()
	if e := u.Snapshot().Endpoints[0]; e.Waiting != 0 || e.InFlight != 0 || e.Timeouts != 1 || e.Breaker != "closed" {
		t.Errorf("afterwards: %+v", e)
	}
	if code, err := ask(t.Context(), u, "/"); code != 200 {
		t.Error(code, err)
	}
}

// While an endpoint is full, requests go to one that has a free place; when both are, they wait; a place that is bound to its
// endpoint does not move.
func TestAnotherEndpointWithRoom(t *testing.T) {
	t.Parallel()
	for _, policy := range balance.Names() {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			a, b := newBusy(t, ""), newBusy(t, "")
			s := upstream.Settings{
				Endpoints: endpoints(a.address(), b.address()), LoadBalancer: policy, Pool: upstream.Pool{MaxPerEndpoint: 1, MaxWaiting: -1},
			}
			hashes := policy == balance.ConsistentHashName
			if hashes {
				s.Hash.Header = "X-Absent"
			}
			u := newUpstream(t, s)
			var all sync.WaitGroup
			call := u.Begin()
			call.Prefer(a.address())
			all.Go(func() {
				defer call.End()
				req := request(t, nil)
				req.URL.Path = "/held"
				if res, err := call.RoundTrip(req); err != nil {
					t.Error(err)
				} else {
					res.Body.Close()
				}
			})
			a.next(t)
			for range 20 { // those of consistent_hash go on to the other one because the line, of nobody, is full
				if code, err := ask(t.Context(), u, "/"); code != 200 {
					t.Errorf("status %d, %v", code, err)
				}
			}
			if a.seen.Load() != 1 || b.seen.Load() != 20 {
				t.Errorf("%d and %d requests", a.seen.Load(), b.seen.Load())
			}
			if refused := u.Snapshot().Endpoints[0].Refusals; (refused > 0) != hashes {
				t.Errorf("%d were refused", refused)
			}
			close(a.release)
			all.Wait()
		})
	}
}

// An upgraded connection keeps its place until it is closed.
func TestUpgradesKeepTheirPlace(t *testing.T) {
	t.Parallel()
	for name, s := range limited(1, -1) {
		if s.Protocol == upstream.HTTPS { // over HTTP/2 there are none
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Upgrade") == "" {
					return
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
				io.Copy(conn, conn)
			}))
			backend.Config.Protocols = new(http.Protocols)
			backend.Config.Protocols.SetHTTP1(true)
			backend.Config.Protocols.SetUnencryptedHTTP2(true)
			backend.Start()
			t.Cleanup(backend.Close)
			s.Endpoints = endpoints(backend.Listener.Addr().String())
			u := newUpstream(t, s)
			call := u.Begin()
			req := request(t, nil)
			req.Header = http.Header{"Connection": {"upgrade"}, "Upgrade": {"echo"}}
			res, err := call.RoundTrip(req)
			if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
				t.Fatal(res, err)
			}
			if _, err := ask(t.Context(), u, "/"); !errors.Is(err, upstream.ErrOverloaded) {
				t.Errorf("beside an upgraded connection: %v", err)
			}
			if c := u.Snapshot().Endpoints[0].Connections; c.Active != 1 || c.Idle != 0 {
				t.Errorf("connections %+v", c)
			}
			res.Body.Close()
			call.End()
			if code, err := ask(t.Context(), u, "/"); code != 200 {
				t.Errorf("after it: status %d, %v", code, err)
			}
		})
	}
}

// A slow backend, and ten times as many clients as may wait: what the gateway holds is bounded by those that may.
func TestASlowBackendFillsABoundedQueue(t *testing.T) {
	const most, waiting, clients = 4, 100, 1000
	b := newBusy(t, "")
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(b.address()), Pool: upstream.Pool{MaxPerEndpoint: most, MaxWaiting: waiting, WaitTimeout: time.Minute},
	})
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	for range most {
		hold(t, u, b, &all)
	}
	var refused, answered atomic.Int64
	for range clients {
		all.Go(func() {
			if _, err := ask(t.Context(), u, "/"); errors.Is(err, upstream.ErrOverloaded) {
				refused.Add(1)
			} else if err == nil {
				answered.Add(1)
			}
		})
	}
	waitFor(t, "all but those that wait to be refused", func() bool { return refused.Load() == clients-waiting })
	// Each that is held has its client here, a connection there, and no more.
	waitFor(t, "the others to end", func() bool { return runtime.NumGoroutine() <= before+waiting+10*most })
	if e := u.Snapshot().Endpoints[0]; e.Waiting != waiting || e.InFlight != most+waiting || e.Connections.Active != most {
		t.Errorf("meanwhile: %+v", e)
	}
	close(b.release)
	all.Wait()
	if answered.Load() != waiting || b.most.Load() != most {
		t.Errorf("%d were answered, %d at a time", answered.Load(), b.most.Load())
	}
}

// Ten thousand requests through a limit leave nothing; TestMain looks for goroutines.
func TestALimitLeaksNothing(t *testing.T) {
	t.Parallel()
	b := newBusy(t, "")
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(b.address()), Pool: upstream.Pool{MaxPerEndpoint: 2, MaxWaiting: 5}})
	var all sync.WaitGroup
	var served, refused atomic.Int64
	for range 20 {
		all.Go(func() {
			for i := range 500 {
				ctx, cancel := context.WithCancel(t.Context())
				if i%10 == 0 {
					time.AfterFunc(50*time.Microsecond, cancel)
				}
				switch _, err := ask(ctx, u, "/"); {
				case err == nil:
					served.Add(1)
				case errors.Is(err, upstream.ErrOverloaded):
					refused.Add(1)
				case !errors.Is(err, context.Canceled):
					t.Error(err)
				}
				cancel()
			}
		})
	}
	all.Wait()
	e := u.Snapshot().Endpoints[0]
	if e.InFlight != 0 || e.Waiting != 0 || e.Connections.Active != 0 || e.Connections.Idle > 2 {
		t.Errorf("left over: %+v", e)
	}
	if served.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d served, %d refused", served.Load(), refused.Load())
	}
}

func TestLimitsAreChecked(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]upstream.Settings{
		"connection_pool: max_per_endpoint is for HTTP/1.1: with the protocol grpc write max_requests_per_endpoint": {
			Protocol: upstream.GRPC, Pool: upstream.Pool{MaxPerEndpoint: 1},
		},
		"connection_pool: max_waiting and wait_timeout need max_per_endpoint or max_requests_per_endpoint": {Pool: upstream.Pool{MaxWaiting: 1}},
		"connection_pool: numbers and durations must not be negative":                                      {Pool: upstream.Pool{MaxPerEndpoint: 1, MaxWaiting: -2}},
	} {
		s.Name, s.Endpoints = "test", endpoints("localhost:1")
		if _, err := upstream.New(s); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
