package upstream_test

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loom-gateway/loom/internal/circuit"
	"github.com/loom-gateway/loom/internal/health"
	"github.com/loom-gateway/loom/internal/upstream"
)

func probing(interval time.Duration) *health.Settings {
	return &health.Settings{Path: "/health", Interval: interval, Timeout: 5 * time.Second, HealthyThreshold: 1, UnhealthyThreshold: 1}
}

// TestHealthCheck has endpoints go down and come back, all of them at last: 503 at once then, without asking them.
func TestHealthCheck(t *testing.T) {
	t.Parallel()
	a, b := newMoody(t, 200), newMoody(t, 200)
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(a.address(), b.address()), Health: probing(10 * time.Millisecond)})
	said := observe(u)
	u.Start()
	u.Start() // begins once
	available := func(want ...bool) {
		t.Helper()
		waitFor(t, "health", func() bool {
			got := u.Snapshot().Endpoints
			return got[0].Available == want[0] && got[1].Available == want[1]
		})
	}
	a.status.Store(500)
	available(false, true)
	for range 10 {
		if code, err := status(t, u); code != 200 {
			t.Errorf("status %d, %v, with one endpoint healthy", code, err)
		}
	}
	b.status.Store(0) // breaks off
	available(false, false)
	_, err := status(t, u)
	if !errors.Is(err, upstream.ErrNoEndpoint) || !strings.Contains(err.Error(), "2 of 2 unhealthy by its health check") {
		t.Errorf("error %v", err)
	}
	a.status.Store(200)
	b.status.Store(200)
	available(true, true)
	if code, _ := status(t, u); code != 200 {
		t.Errorf("status %d after recovery", code)
	}
	if kinds := said.kinds(); !slices.Contains(kinds, upstream.Unhealthy) || !slices.Contains(kinds, upstream.Healthy) {
		t.Errorf("events %v", kinds)
	}
}

// TestProbesEndWithClose has nobody be asked after Close.
func TestProbesEndWithClose(t *testing.T) {
	t.Parallel()
	m := newMoody(t, 200)
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(m.address()), Health: probing(2 * time.Millisecond)})
	u.Start()
	waitFor(t, "probes", func() bool { return m.seen.Load() > 3 })
	u.Close()
	waitFor(t, "the end of probes", func() bool {
		before := m.seen.Load()
		time.Sleep(30 * time.Millisecond)
		return m.seen.Load() == before
	})
}

// TestHealthCheckFailures are endpoints that refuse, and that accept and say nothing.
func TestHealthCheckFailures(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := probing(10 * time.Millisecond)
	s.Timeout = 50 * time.Millisecond
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(refusing(t), l.Addr().String()), Health: s})
	u.Start()
	waitFor(t, "both to be unhealthy", func() bool {
		e := u.Snapshot().Endpoints
		return e[0].Health == "unhealthy" && e[1].Health == "unhealthy" && e[0].LastProbeError != "" && e[1].LastProbeError != ""
	})
}

// TestHealthOutlivesChanges has an endpoint that is down be down for the next config as well, before its first probe.
func TestHealthOutlivesChanges(t *testing.T) {
	t.Parallel()
	var memory upstream.Memory
	m := newMoody(t, 500)
	s := upstream.Settings{Name: "a", Endpoints: endpoints(m.address()), Health: probing(5 * time.Millisecond)}
	old, err := memory.New(s)
	if err != nil {
		t.Fatal(err)
	}
	old.Start()
	waitFor(t, "health", func() bool { return !old.Snapshot().Endpoints[0].Available })
	s.Endpoints = endpoints(m.address(), refusing(t))
	next, err := memory.New(s)
	if err != nil {
		t.Fatal(err)
	}
	old.Close()
	defer next.Close()
	if e := next.Snapshot().Endpoints; e[0].Available || !e[1].Available {
		t.Errorf("the next one begins with %+v", e)
	}
}

func TestInitiallyUnhealthy(t *testing.T) {
	t.Parallel()
	m := newMoody(t, 200)
	s := probing(5 * time.Millisecond)
	s.InitiallyUnhealthy = true
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(m.address()), Health: s})
	if _, err := status(t, u); !errors.Is(err, upstream.ErrNoEndpoint) {
		t.Errorf("error %v before the first probe", err)
	}
	u.Start()
	waitFor(t, "the first pass", func() bool { code, _ := status(t, u); return code == 200 })
}

// TestRecoveryBeatsTheBreaker has a probe that finds the endpoint well make an open breaker try it at once.
func TestRecoveryBeatsTheBreaker(t *testing.T) {
	t.Parallel()
	m := newMoody(t, 500)
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(m.address()), Health: probing(10 * time.Millisecond),
		Breaker: breaker(circuit.Settings{FailureThreshold: 1, SuccessThreshold: 1, Timeout: time.Hour}),
	})
	status(t, u)
	u.Start()
	waitFor(t, "a failed probe", func() bool { return u.Snapshot().Endpoints[0].Health == "unhealthy" })
	m.status.Store(200)
	waitFor(t, "an answer", func() bool { code, _ := status(t, u); return code == 200 })
}

// TestEjection ejects what fails, as many as may be at a time, and takes them back.
func TestEjection(t *testing.T) {
	t.Parallel()
	list := []*moody{newMoody(t, 500), newMoody(t, 500), newMoody(t, 500)}
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(list[0].address(), list[1].address(), list[2].address()),
		Passive:   &upstream.Passive{Passive: health.Passive{Failures: 2, EjectionTime: time.Hour, MaxEjected: 70}},
	})
	said := observe(u)
	for range 30 {
		status(t, u)
	}
	ejected := 0
	for _, e := range u.Snapshot().Endpoints {
		if e.EjectedUntil != nil && !e.Available {
			ejected++
		}
	}
	if ejected != 2 || !slices.Equal(said.kinds(), []upstream.Kind{upstream.Ejected, upstream.Ejected}) {
		t.Errorf("%d of 3 are ejected with a cap of 70 %%, events %v", ejected, said.kinds())
	}
}

func TestEjectionEnds(t *testing.T) {
	t.Parallel()
	bad, good := newMoody(t, 500), newMoody(t, 200)
	u := newUpstream(t, upstream.Settings{
		Endpoints: endpoints(bad.address(), good.address()),
		Passive:   &upstream.Passive{Passive: health.Passive{Failures: 1, EjectionTime: 200 * time.Millisecond}},
	})
	waitFor(t, "ejection", func() bool { status(t, u); return !u.Snapshot().Endpoints[0].Available })
	bad.status.Store(200)
	before := bad.seen.Load()
	waitFor(t, "requests again", func() bool { status(t, u); return bad.seen.Load() > before })
}

// TestPanic has all get traffic when too few are well.
func TestPanic(t *testing.T) {
	t.Parallel()
	a, b := newMoody(t, 500), newMoody(t, 500)
	s := probing(5 * time.Millisecond)
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(a.address(), b.address()), Health: s, PanicThreshold: 50})
	u.Start()
	waitFor(t, "panic", func() bool { return u.Snapshot().Panic })
	if code, err := status(t, u); code != 500 {
		t.Errorf("status %d, %v: the endpoints were not asked", code, err)
	}
	a.status.Store(200)
	waitFor(t, "the end of it", func() bool {
		s := u.Snapshot()
		return !s.Panic && s.Endpoints[0].Available && !s.Endpoints[1].Available
	})
}

// TestSlowStart counts what an endpoint gets that came back, by a clock of the test.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u, err := upstream.New(upstream.Settings{
			Name: "a", Endpoints: endpoints("a:1", "b:1"), SlowStart: 100 * time.Second,
			Passive: &upstream.Passive{Passive: health.Passive{Failures: 1, EjectionTime: time.Second}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		share := func() int { return upstream.Picks(u, 200)["a:1"] }
		if got := share(); got != 100 {
			t.Errorf("before: %d of 200", got)
		}
		upstream.Fail(u, "a:1")
		if got := share(); got != 0 {
			t.Errorf("ejected: %d of 200", got)
		}
		time.Sleep(time.Second)
		share() // it is noticed with the first pick
		for _, c := range []struct{ after, want int }{{0, 18}, {50, 67}, {40, 95}, {20, 100}} /* weights of 0.1, 0.5, 0.9 and 1 beside 1 */ {
			time.Sleep(time.Duration(c.after) * time.Second)
			if got := share(); got < c.want-3 || got > c.want+3 {
				t.Errorf("%d s later: %d of 200, want about %d", c.after, got, c.want)
			}
		}
	})
}
