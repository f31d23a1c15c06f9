package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/loom-gateway/loom/internal/circuit"
	"github.com/loom-gateway/loom/internal/retry"
	"github.com/loom-gateway/loom/internal/upstream"
)

// act is what a backend does with one request.
type act func(w http.ResponseWriter, r *http.Request)

// script is a backend that does one act after the other, and echoes the body when it is through. It remembers the bodies.
type script struct {
	*httptest.Server
	mu     sync.Mutex
	acts   []act
	bodies []string
}

func (s *script) address() string { return s.Listener.Addr().String() }

func (s *script) seen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bodies)
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := len(s.bodies)
	s.bodies = append(s.bodies, "")
	next := act(echoBody)
	if len(s.acts) > 0 {
		next, s.acts = s.acts[0], s.acts[1:]
	}
	s.mu.Unlock()
	recorded := &recorder{ReadCloser: r.Body}
	r.Body = recorded
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.bodies[n] = string(recorded.data)
	}()
	next(w, r)
}

type recorder struct {
	io.ReadCloser
	data []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.data = append(r.data, p[:n]...)
	return n, err
}

func echoBody(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprintf(w, "echo %s", body)
}

// says answers with a status and a text, after it has read the body.
func says(status int, text string) act {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

func resets(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	panic(http.ErrAbortHandler)
}

func hangs(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func asksForTime(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "7")
	says(503, "busy")(w, r)
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Grpc-Status", "14")
}

func hintsAndResets(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusEarlyHints)
	panic(http.ErrAbortHandler)
}

func newScript(t *testing.T, acts ...act) *script {
	t.Helper()
	s := &script{acts: acts}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// engines are the ways of a request to a backend.
var engines = map[string]upstream.Settings{
	"loom": {Engine: upstream.EngineLoom}, "stock": {Engine: upstream.EngineStock}, "h2c": {Protocol: upstream.H2C},
}

func eachEngine(t *testing.T, test func(t *testing.T, s upstream.Settings)) {
	t.Helper()
	for name, s := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

func retries(t *testing.T, s retry.Settings) *retry.Policy {
	t.Helper()
	if s.Backoff == (retry.Backoff{}) {
		s.Backoff = retry.Backoff{Base: time.Millisecond, Max: 5 * time.Millisecond}
	}
	p, err := retry.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// exchange sends a request with a policy, and writes down what came of it.
func exchange(ctx context.Context, u *upstream.Upstream, p *retry.Policy, method string, body io.Reader) (string, error) {
	call := u.Begin()
	defer call.End()
	call.Inform(func(int, http.Header) error { return nil })
	call.Retry(p, time.Time{})
	req := httptest.NewRequest(method, "http://example.com/", body).WithContext(ctx)
	req.RequestURI = ""
	res, err := call.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return fmt.Sprintf("%d %s", res.StatusCode, text), err
}

// settled checks that no request is counted that has ended.
func settled(t *testing.T, u *upstream.Upstream) {
	t.Helper()
	s := u.Snapshot()
	if s.InFlight != 0 {
		t.Errorf("%d calls are in flight", s.InFlight)
	}
	for _, e := range s.Endpoints {
		if e.InFlight != 0 {
			t.Errorf("%d requests to %s are in flight", e.InFlight, e.Address)
		}
	}
}

// ofUnknownLength has no length that anybody could tell beforehand.
func ofUnknownLength(text string) io.Reader {
	return iotest.HalfReader(struct{ io.Reader }{strings.NewReader(text)})
}

func TestRetries(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 2<<10)
	for name, test := range map[string]struct {
		method string
		body   io.Reader
		policy retry.Settings
		acts   []act
		want   string // empty: an error
		seen   int
	}{
		"a status":                    {"GET", nil, retry.Settings{}, []act{says(503, "one")}, "200 echo ", 2},
		"a status too often":          {"GET", nil, retry.Settings{}, []act{says(503, "one"), says(502, "two"), says(504, "three")}, "504 three", 3},
		"a status that is not meant":  {"GET", nil, retry.Settings{}, []act{says(500, "one")}, "500 one", 1},
		"once":                        {"GET", nil, retry.Settings{Attempts: 1}, []act{says(503, "one"), says(503, "two")}, "503 two", 2},
		"a reset":                     {"GET", nil, retry.Settings{}, []act{resets, resets}, "200 echo ", 3},
		"a reset that is not meant":   {"GET", nil, retry.Settings{On: []string{"503"}}, []act{resets}, "", 1},
		"resets too often":            {"GET", nil, retry.Settings{}, []act{resets, resets, resets}, "", 3},
		"no response in time":         {"GET", nil, retry.Settings{PerTryTimeout: 300 * time.Millisecond, Attempts: 10}, []act{hangs}, "200 echo ", 2},
		"POST after a status":         {"POST", strings.NewReader("x"), retry.Settings{}, []act{says(503, "one")}, "503 one", 1},
		"POST after a reset":          {"POST", strings.NewReader("x"), retry.Settings{}, []act{resets}, "", 1},
		"PATCH after a reset":         {"PATCH", nil, retry.Settings{}, []act{resets}, "", 1},
		"POST that is allowed":        {"POST", strings.NewReader("x"), retry.Settings{Methods: []string{"POST"}}, []act{says(503, "one"), resets}, "200 echo x", 3},
		"a body":                      {"PUT", strings.NewReader(long), retry.Settings{}, []act{resets, says(503, "two")}, "200 echo " + long, 3},
		"a body of unknown length":    {"PUT", ofUnknownLength(long), retry.Settings{}, []act{says(503, "one"), resets}, "200 echo " + long, 3},
		"a body that is too long":     {"PUT", strings.NewReader(long), retry.Settings{BodyLimit: 100}, []act{says(503, "one")}, "503 one", 1},
		"too long, of unknown length": {"PUT", ofUnknownLength(long), retry.Settings{BodyLimit: 100}, []act{says(503, "one")}, "503 one", 1},
		"a code of gRPC":              {"POST", nil, retry.Settings{On: []string{"unavailable"}}, []act{unavailable}, "200 echo ", 2},
		"a code that is not meant":    {"POST", nil, retry.Settings{On: []string{"internal"}}, []act{unavailable}, "200 ", 1},
		"hints of a failed try":       {"GET", nil, retry.Settings{}, []act{hintsAndResets}, "", 1},
		"asked to wait":               {"GET", nil, retry.Settings{}, []act{asksForTime}, "503 busy", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for engine, s := range engines {
				if seeker, ok := test.body.(io.Seeker); ok {
					seeker.Seek(0, io.SeekStart)
				} else if test.body != nil {
					test.body = ofUnknownLength(long)
				}
				backend := newScript(t, test.acts...)
				s.Endpoints = endpoints(backend.address())
				u := newUpstream(t, s)
				got, err := exchange(t.Context(), u, retries(t, test.policy), test.method, test.body)
				if got != test.want || (err != nil) != (test.want == "") {
					t.Errorf("%s: %.40q, error %v; want %.40q", engine, got, err, test.want)
				}
				if n := backend.seen(); n != test.seen && test.policy.PerTryTimeout == 0 {
					t.Errorf("%s: the backend has seen %d requests, want %d", engine, n, test.seen)
				}
				settled(t, u)
			}
		})
	}
}

// TestRetryGoesElsewhere has one of two endpoints fail: it is asked once, also when it asks to be left alone. (A request with a
// body is not sent again by the engines themselves.)
func TestRetryGoesElsewhere(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s upstream.Settings) {
		bad, good := newScript(t, says(503, ""), asksForTime, resets), newScript(t)
		s.Endpoints = endpoints(bad.address(), good.address())
		u := newUpstream(t, s)
		for i := range 3 {
			if got, err := exchange(t.Context(), u, retries(t, retry.Settings{}), "PUT", strings.NewReader("x")); got != "200 echo x" {
				t.Errorf("request %d: %q, error %v", i, got, err)
			}
			exchange(t.Context(), u, retries(t, retry.Settings{}), "GET", nil) // it is the other one's turn
		}
		if bad.seen() < 3 || bad.seen()+good.seen() != 9 {
			t.Errorf("seen %d and %d", bad.seen(), good.seen())
		}
		if got := u.Snapshot().Retries; got["status"] != 2 || got["reset"] != 1 {
			t.Errorf("retries %v", got)
		}
	})
}

// TestRetryOfConnections sends even a POST again when no connection could be made: the backend comes up meanwhile.
func TestRetryOfConnections(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s upstream.Settings) {
		address := refusing(t)
		s.Endpoints = endpoints(address)
		u := newUpstream(t, s)
		late := make(chan *script, 1)
		go func() {
			waitFor(t, "a retry", func() bool { return u.Snapshot().Retries["connect-failure"] > 0 })
			late <- scriptAt(t, address)
		}()
		policy := retries(t, retry.Settings{Attempts: 20, Backoff: retry.Backoff{Base: time.Second}})
		got, err := exchange(t.Context(), u, policy, "POST", strings.NewReader("text"))
		backend := <-late
		if got != "200 echo text" || backend.seen() != 1 {
			t.Errorf("%q, error %v, seen %d", got, err, backend.seen())
		}
		settled(t, u)
	})
}

// TestRetryReadsOn has a backend answer before it has the body: the next try gets all of it, while it comes.
func TestRetryReadsOn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s upstream.Settings) {
		backend := newScript(t, func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).EnableFullDuplex()
			r.Body.Read(make([]byte, 1))
			w.WriteHeader(http.StatusServiceUnavailable)
			http.NewResponseController(w).Flush()
		})
		s.Endpoints = endpoints(backend.address())
		u := newUpstream(t, s)
		r, w := io.Pipe()
		go func() {
			defer w.Close()
			io.WriteString(w, "before")
			waitFor(t, "the second try", func() bool { return backend.seen() == 2 })
			io.WriteString(w, ", and after")
		}()
		got, err := exchange(t.Context(), u, retries(t, retry.Settings{}), "PUT", r)
		if got != "200 echo before, and after" {
			t.Errorf("%q, error %v", got, err)
		}
		settled(t, u)
	})
}

// TestRetryKeepsConnections has responses that are not the client's give their connections back, while the back-off lasts. One
// that happens to be very short may be too short for it.
func TestRetryKeepsConnections(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s upstream.Settings) {
		const tries = 10
		var mu sync.Mutex
		from := map[string]bool{}
		var acts []act
		for range tries {
			acts = append(acts, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				from[r.RemoteAddr] = true
				mu.Unlock()
				says(503, strings.Repeat("x", 10_000))(w, r)
			})
		}
		backend := newScript(t, acts...)
		s.Endpoints = endpoints(backend.address())
		u := newUpstream(t, s)
		policy := retries(t, retry.Settings{Attempts: tries, Backoff: retry.Backoff{Base: 200 * time.Millisecond, Max: 200 * time.Millisecond}})
		if got, err := exchange(t.Context(), u, policy, "GET", nil); got != "200 echo " {
			t.Fatalf("%q, error %v", got, err)
		}
		if len(from) > tries/2 {
			t.Errorf("%d connections for %d tries", len(from), tries)
		}
		settled(t, u)
	})
}

// TestCancelDuringBackoff shows that a client which goes away is not waited for, and that the endpoint is free meanwhile.
func TestCancelDuringBackoff(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s upstream.Settings) {
		backend := newScript(t, says(503, ""))
		s.Endpoints = endpoints(backend.address())
		u := newUpstream(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			policy := retries(t, retry.Settings{Backoff: retry.Backoff{Base: 1000 * time.Hour}})
			_, err := exchange(ctx, u, policy, "GET", nil)
			ended <- err
		}()
		waitFor(t, "the back-off", func() bool {
			got := u.Snapshot()
			return backend.seen() == 1 && got.InFlight == 1 && got.Endpoints[0].InFlight == 0
		})
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "waiting to try again after status") {
				t.Errorf("error %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("it waits on")
		}
		if backend.seen() != 1 || len(u.Snapshot().Retries) != 0 {
			t.Errorf("seen %d, retries %v", backend.seen(), u.Snapshot().Retries)
		}
		settled(t, u)
	})
}

// TestNoRetryAfterTheEnd passes a response on when nobody would wait for a better one.
func TestNoRetryAfterTheEnd(t *testing.T) {
	t.Parallel()
	backend := newScript(t, says(503, "one"))
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(backend.address())})
	call := u.Begin()
	defer call.End()
	call.Retry(retries(t, retry.Settings{}), time.Now())
	res, err := call.RoundTrip(request(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 503 || backend.seen() != 1 {
		t.Errorf("status %d, seen %d", res.StatusCode, backend.seen())
	}
}

// TestRetriesAndBreaker has the tries of a request open the only breaker: there is no try against it, and the client gets
// the backend's last answer, not the gateway's.
func TestRetriesAndBreaker(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s upstream.Settings) {
		backend := newScript(t, says(503, "one"), says(503, "two"))
		s.Endpoints = endpoints(backend.address())
		s.Breaker = breaker(circuit.Settings{FailureThreshold: 2, SuccessThreshold: 1, Timeout: time.Hour})
		u := newUpstream(t, s)
		policy := retries(t, retry.Settings{Attempts: 5})
		if got, err := exchange(t.Context(), u, policy, "GET", nil); got != "503 two" || backend.seen() != 2 {
			t.Errorf("%q, error %v, seen %d", got, err, backend.seen())
		}
		if _, err := exchange(t.Context(), u, policy, "GET", nil); !errors.Is(err, upstream.ErrNoEndpoint) || backend.seen() != 2 {
			t.Errorf("error %v, seen %d: an open breaker is no reason to try again", err, backend.seen())
		}
		upstream.RetryBreakers(u)
		if got, err := exchange(t.Context(), u, policy, "GET", nil); got != "200 echo " || u.Snapshot().Endpoints[0].Breaker != "closed" {
			t.Errorf("%q, error %v, breaker %s: the permit of a try was not given back", got, err, u.Snapshot().Endpoints[0].Breaker)
		}
	})
}

// TestEachTryCountsOnce compares what was sent with what was counted, for each way of failing.
func TestEachTryCountsOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s upstream.Settings) {
		backend := newScript(t, says(503, ""), resets, hangs)
		s.Endpoints = endpoints(backend.address())
		s.Breaker = breaker(circuit.Settings{FailureThreshold: 100})
		u := newUpstream(t, s)
		policy := retries(t, retry.Settings{Attempts: 20, PerTryTimeout: 2 * time.Second})
		if got, err := exchange(t.Context(), u, policy, "PUT", strings.NewReader("x")); got != "200 echo x" {
			t.Fatalf("%q, error %v", got, err)
		}
		got := u.Snapshot()
		e := got.Endpoints[0]
		sum := e.Results[0] + e.Results[2] + e.Results[5]
		if e.Requests != sum || e.Results[2] != 1 || e.Results[5] != 1 || e.Results[0] < 2 {
			t.Errorf("%d requests, results %v", e.Requests, e.Results)
		}
		made := uint64(0)
		for _, n := range got.Retries {
			made += n
		}
		if made != sum-1 || got.Retries["timeout"] == 0 || got.Retries["reset"] == 0 {
			t.Errorf("retries %v of %d requests", got.Retries, sum)
		}
	})
}

func scriptAt(t *testing.T, address string) *script {
	t.Helper()
	s := newScript(t)
	s.Server.Close()
	s.Server = httptest.NewUnstartedServer(s)
	s.Server.Listener.Close()
	s.Server.Listener = listen(t, address)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Server.Close)
	return s
}
