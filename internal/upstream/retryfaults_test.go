package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/retry"
	"github.com/loom-gateway/loom/internal/upstream"
)

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l
		}
		if time.Now().After(deadline) {
			t.Error(err)
			return nil
		}
	}
}

// flapping is a backend that fails every eighth request, in turns by a status, a reset, and closing its door for a while.
type flapping struct {
	t       *testing.T
	address string
	served  atomic.Int64
	ids     *sync.Map // of POSTs, how often each came

	mu     sync.Mutex
	server *httptest.Server
}

func newFlapping(t *testing.T, ids *sync.Map) *flapping {
	t.Helper()
	f := &flapping{t: t, ids: ids, address: refusing(t)}
	f.open()
	t.Cleanup(func() { f.mu.Lock(); defer f.mu.Unlock(); f.server.Close() })
	return f
}

func (f *flapping) open() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.server = httptest.NewUnstartedServer(f)
	f.server.Listener.Close()
	f.server.Listener = listen(f.t, f.address)
	f.server.Start()
}

// restart closes all connections, those with requests too, and opens again.
func (f *flapping) restart() {
	f.mu.Lock()
	f.server.Listener.Close()
	f.server.CloseClientConnections()
	f.server.Close()
	f.mu.Unlock()
	f.open()
}

func (f *flapping) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		count, _ := f.ids.LoadOrStore(r.Header.Get("X-Id"), new(atomic.Int64))
		count.(*atomic.Int64).Add(1)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	switch n := f.served.Add(1); {
	case n%8 == 3:
		w.WriteHeader([]int{502, 503, 504}[n%3])
	case n%16 == 5:
		panic(http.ErrAbortHandler)
	case n%200 == 50:
		go f.restart()
		fallthrough
	default:
		fmt.Fprintf(w, "%s", body)
	}
}

// TestFlapping has three backends that fail all the time, each in several ways. Nearly all requests that may be sent again
// get their answer, with the body that belongs to it, and no other request comes twice.
func TestFlapping(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 250
	for _, engine := range []string{upstream.EngineLoom, upstream.EngineStock} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var ids sync.Map
			list := []*flapping{newFlapping(t, &ids), newFlapping(t, &ids), newFlapping(t, &ids)}
			u := newUpstream(t, upstream.Settings{
				Engine: engine, Endpoints: endpoints(list[0].address, list[1].address, list[2].address),
				RetryBudget: retry.BudgetSettings{Percent: 100},
			})
			policy := retries(t, retry.Settings{Attempts: 8})
			var failed, sent atomic.Int64
			var all sync.WaitGroup
			for worker := range workers {
				all.Go(func() {
					random := rand.New(rand.NewPCG(uint64(worker), 1))
					for i := range each {
						text := strings.Repeat(fmt.Sprint(worker, " ", i, ";"), 1+random.IntN(1000))
						sent.Add(1)
						if got, err := exchange(t.Context(), u, policy, http.MethodPut, strings.NewReader(text)); got != "200 "+text {
							failed.Add(1)
							t.Logf("%.40q, error %v", got, err)
						}
						post(t.Context(), u, policy, fmt.Sprint(worker, "-", i))
					}
				})
			}
			all.Wait()
			if n := failed.Load(); n*1000 > sent.Load() {
				t.Errorf("%d of %d requests failed", n, sent.Load())
			}
			ids.Range(func(id, count any) bool {
				if n := count.(*atomic.Int64).Load(); n != 1 {
					t.Errorf("the POST %s came %d times", id, n)
				}
				return true
			})
			settled(t, u)
		})
	}
}

func post(ctx context.Context, u *upstream.Upstream, p *retry.Policy, id string) {
	call := u.Begin()
	defer call.End()
	call.Retry(p, time.Time{})
	req := httptest.NewRequest(http.MethodPost, "http://example.com/", strings.NewReader(id)).WithContext(ctx)
	req.RequestURI = ""
	req.Header.Set("X-Id", id)
	if res, err := call.RoundTrip(req); err == nil {
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}

// TestBudgetInAnOutage has every backend fail: what reaches them is the requests and the share that the budget allows, also
// over a reload with other settings.
func TestBudgetInAnOutage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s upstream.Settings) {
		const workers, each = 8, 100
		down := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
		var seen atomic.Int64
		backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen.Add(1); down(w, r) }))
		backend.Config.Protocols = new(http.Protocols)
		backend.Config.Protocols.SetHTTP1(true)
		backend.Config.Protocols.SetUnencryptedHTTP2(true)
		backend.Start()
		t.Cleanup(backend.Close)
		s.Name, s.Endpoints = "outage", endpoints(backend.Listener.Addr().String())
		s.RetryBudget = retry.BudgetSettings{Percent: 25, MinPerSecond: -1, Window: time.Hour}
		var memory upstream.Memory
		policy := retries(t, retry.Settings{Attempts: 3})
		var last *upstream.Upstream
		for generation := range 2 {
			s.Pool.MaxIdlePerEndpoint = 100 + generation
			u, err := memory.New(s)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(u.Close)
			last = u
			var all sync.WaitGroup
			for range workers {
				all.Go(func() {
					for range each {
						if got, err := exchange(t.Context(), u, policy, http.MethodGet, nil); got != "503 " {
							t.Errorf("%q, error %v", got, err)
						}
					}
				})
			}
			all.Wait()
		}
		const requests = 2 * workers * each
		if n := seen.Load(); n != requests*125/100 {
			t.Errorf("%d requests became %d", requests, n)
		}
		got := last.Snapshot()
		if got.Retries["status"] != requests/4 || got.RetriesRefused == 0 {
			t.Errorf("retries %v, refused %d", got.Retries, got.RetriesRefused)
		}
	})
}

// TestBodyBetweenTries has the rest of a body come while the request waits for its next try, more than is kept: no backend may take
// that for the whole body.
func TestBodyBetweenTries(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s upstream.Settings) {
		answered := make(chan struct{})
		backend := newScript(t, func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).EnableFullDuplex()
			r.Body.Read(make([]byte, 1))
			w.WriteHeader(http.StatusServiceUnavailable)
			http.NewResponseController(w).Flush()
			close(answered)
			io.Copy(io.Discard, r.Body)
		})
		s.Endpoints = endpoints(backend.address())
		u := newUpstream(t, s)
		r, w := io.Pipe()
		defer r.Close()
		rest := strings.Repeat("x", 1000)
		go func() {
			defer w.Close()
			io.WriteString(w, "before ")
			<-answered
			time.Sleep(20 * time.Millisecond) // most often the back-off has begun, and has not ended
			io.WriteString(w, rest)
			io.WriteString(w, " and after")
		}()
		policy := retries(t, retry.Settings{BodyLimit: 100, Backoff: retry.Backoff{Base: 500 * time.Millisecond}})
		got, err := exchange(t.Context(), u, policy, "PUT", r)
		if got != "200 echo before "+rest+" and after" && !strings.HasPrefix(got, "503") {
			t.Errorf("%q, error %v", got, err)
		}
		settled(t, u)
	})
}

// TestLateAndCanceled has a response come when the time of its try is over, and the client has gone before that.
func TestLateAndCanceled(t *testing.T) {
	t.Parallel()
	backend := newScript(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(backend.address())})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	call := u.Begin()
	defer call.End()
	const limit = 500 * time.Millisecond
	call.Inform(func(int, http.Header) error {
		cancel()
		time.Sleep(2 * limit)
		return nil
	})
	call.Retry(retries(t, retry.Settings{PerTryTimeout: limit}), time.Time{})
	res, err := call.RoundTrip(request(t, nil).WithContext(ctx))
	if res != nil {
		res.Body.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("response %v, error %v", res, err)
	}
}
