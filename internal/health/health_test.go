package health_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/loom-gateway/loom/internal/health"
)

var errDown = errors.New("down")

func probeOf(t *testing.T, s health.Settings, target health.Target) error {
	t.Helper()
	s = s.WithDefaults()
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	probe, err := health.NewProbe(s, target)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return probe(ctx)
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "probe.test" || r.Method != http.MethodPost || r.Header.Get("X-Probe") != "1" || r.URL.RawQuery != "full=1" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "all is fine")
	}))
	t.Cleanup(s.Close)
	target := health.Target{URL: s.URL, Transport: http.DefaultTransport}
	right := health.Settings{
		Path: "/health?full=1", Host: "probe.test", Method: http.MethodPost, Headers: map[string]string{"X-Probe": "1"},
		Statuses: []string{"202"}, Body: "fine$",
	}
	if err := probeOf(t, right, target); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*health.Settings){
		"status 400":              func(s *health.Settings) { s.Host = "" },
		"status 202":              func(s *health.Settings) { s.Statuses = []string{"200-201", "3xx"} },
		"the body does not match": func(s *health.Settings) { s.Body = "^fine" },
	} {
		wrong := right
		change(&wrong)
		if err := probeOf(t, wrong, target); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestTCP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
	if err := probeOf(t, health.Settings{Type: health.TCP}, health.Target{Dial: dial}); err != nil {
		t.Error(err)
	}
	l.Close()
	if probeOf(t, health.Settings{Type: health.TCP}, health.Target{Dial: dial}) == nil {
		t.Error("nobody listens, and it passes")
	}
}

// TestGRPC asks grpc-go's own health server.
func TestGRPC(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, answers := grpc.NewServer(), grpchealth.NewServer()
	healthpb.RegisterHealthServer(server, answers)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	target := health.Target{URL: "http://" + l.Addr().String(), Transport: transport}
	answers.SetServingStatus("shop.Orders", healthpb.HealthCheckResponse_NOT_SERVING)
	for service, want := range map[string]string{"": "", "shop.Orders": "the server says NOT_SERVING", "shop.Unknown": "NotFound"} {
		err := probeOf(t, health.Settings{Type: health.GRPC, Service: service}, target)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("service %q: error %v, want %q", service, err, want)
		}
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	if err := probeOf(t, health.Settings{Type: health.GRPC}, health.Target{URL: plain.URL, Transport: http.DefaultTransport}); err == nil {
		t.Error("a server that is none of gRPC passes")
	}
}

// TestStatus holds that thresholds are of results in a row.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		results   string // P pass, F fail
		unhealthy bool   // initially
		want      string // U up, D down, after each result
	}{
		{"FPFPFPFF", false, "UUUUUUUU"},
		{"FFFPFPPF", false, "UUDDDDUU"},
		{"PFFFFPP", false, "UUUDDDU"},
		{"P", true, "U"},
		{"FPPFFF", true, "DUUUUD"},
	} {
		s := health.Settings{InitiallyUnhealthy: c.unhealthy}.WithDefaults()
		var status health.Status
		if status.Up(&s) == c.unhealthy {
			t.Errorf("%+v: up is %t before the first result", c, !c.unhealthy)
		}
		got, was := "", status.Up(&s)
		for _, r := range c.results {
			var err error
			if r == 'F' {
				err = errDown
			}
			changed, up := status.Report(err, &s, time.Now()), status.Up(&s)
			if up != was && !changed {
				t.Errorf("%+v: a change without a word after %q", c, got)
			}
			was = up
			got += map[bool]string{true: "U", false: "D"}[up]
		}
		if got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

// TestEjection has each ejection be longer than the last, up to the most, and time forgive them.
func TestEjection(t *testing.T) {
	t.Parallel()
	p := health.Passive{Failures: 2, MaxEjectionTime: 70 * time.Second}.WithDefaults()
	var e health.Ejection
	now := time.Unix(1_700_000_000, 0)
	yes := func() bool { return true }
	fail := func() time.Duration {
		e.Fail(&p, now, yes)
		return e.Fail(&p, now, yes)
	}
	for _, want := range []int{30, 60, 70} {
		if got := fail(); got != time.Duration(want)*time.Second || !e.Ejected(now) {
			t.Errorf("ejected for %s, want %ds", got, want)
		}
		now = e.Until()
		if e.Ejected(now) {
			t.Error("ejected after its time")
		}
	}
	now = now.Add(65 * time.Second) // two are forgiven
	if got := fail(); got != time.Minute {
		t.Errorf("after a while ejected for %s, want 1m", got)
	}
	e.End(now)
	if e.Ejected(now) || e.Total() != 4 {
		t.Errorf("after its end: %d ejections", e.Total())
	}
	e.Fail(&p, now, yes)
	e.Succeed()
	if e.Fail(&p, now, yes) != 0 {
		t.Error("failures that are not in a row have ejected it")
	}
	if e.Fail(&p, now, func() bool { return false }) != 0 || e.Ejected(now) {
		t.Error("ejected though it may not be")
	}
}

// TestWatch counts probes by a clock of the test: one an interval, and more often while the endpoint is down.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := health.Settings{Interval: 10 * time.Second, HealthyThreshold: 5}.WithDefaults()
		ctx, cancel := context.WithCancel(t.Context())
		var probes atomic.Int64
		var down atomic.Bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			health.Watch(ctx, &s, func(context.Context) error { return nil }, func(error) bool { probes.Add(1); return down.Load() })
		}()
		time.Sleep(995 * time.Second)
		synctest.Wait()
		if n := probes.Load(); n < 91 || n > 111 {
			t.Errorf("%d probes in 100 intervals", n)
		}
		down.Store(true)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		probes.Store(0)
		time.Sleep(100 * time.Second)
		synctest.Wait()
		if n := probes.Load(); n != 50 {
			t.Errorf("%d probes in 10 intervals while down, want 50", n)
		}
		cancel()
		<-done
	})
}

// TestProbeTimeout has a probe that hangs end, and count as a failure.
func TestProbeTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := health.Settings{Timeout: time.Second}.WithDefaults()
		ctx, cancel := context.WithCancel(t.Context())
		results, done := make(chan error, 100), make(chan struct{})
		go func() {
			defer close(done)
			hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			health.Watch(ctx, &s, hang, func(err error) bool { results <- err; return true })
		}()
		if err := <-results; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		cancel()
		<-done
	})
}

func TestParseStatuses(t *testing.T) {
	t.Parallel()
	set, err := health.ParseStatuses([]string{"200", "301-303", "5xx"})
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]bool{200: true, 201: false, 300: false, 301: true, 303: true, 500: true, 599: true, 499: false} {
		if set.Has(status) != want {
			t.Errorf("%d: %t", status, !want)
		}
	}
	for _, wrong := range []string{"", "xx", "6xx", "200-", "299-200", "99", "abc", "-"} {
		if _, err := health.ParseStatuses([]string{wrong}); err == nil {
			t.Errorf("%q was accepted", wrong)
		}
	}
}
