package plugin

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

// step is what happens to a breaker, at a second after the start, and what comes of it.
type step struct {
	at   int
	do   string // fail, admit, settle, withdraw
	want string // state, and whether a request was let in
}

func TestBreakerStates(t *testing.T) {
	settings := Breaker{Failures: 3, Window: 10 * time.Second, Timeout: 2 * time.Second, MaxTimeout: 5 * time.Second}
	for name, steps := range map[string][]step{
		"failures that are far apart": {{0, "fail", "closed"}, {6, "fail", "closed"}, {11, "fail", "closed"}, {12, "admit", "closed in"}, {13, "fail", "open"}},
		"a success closes": {
			{0, "fail", "closed"},
			{0, "fail", "closed"},
			{0, "fail", "open"},
			{1, "admit", "open out"},
			{2, "admit", "half_open in"},
			{2, "admit", "half_open out"},
			{3, "settle", "closed"},
			{3, "admit", "closed in"},
			{3, "fail", "closed"},
		},
		"a failure opens for twice as long": {
			{0, "fail", "closed"},
			{0, "fail", "closed"},
			{0, "fail", "open"},
			{2, "admit", "half_open in"},
			{2, "fail", "open"},
			{2, "settle", "open"}, // of the request that was tried: too late
			{5, "admit", "open out"},
			{6, "admit", "half_open in"},
			{6, "fail", "open"},
			{10, "admit", "open out"},
			{11, "admit", "half_open in"}, // 5s, not 8s
		},
		"no instance was there": {
			{0, "fail", "closed"},
			{0, "fail", "closed"},
			{0, "fail", "open"},
			{2, "admit", "half_open in"},
			{2, "withdraw", "half_open"},
			{2, "admit", "half_open in"},
			{2, "admit", "half_open out"},
		},
		"a long request goes well": {
			{0, "fail", "closed"},
			{0, "fail", "closed"},
			{0, "fail", "open"},
			{2, "admit", "half_open in"},
			{4, "admit", "half_open out"},
			{5, "admit", "closed in"}, // 2s and the call timeout of 1s
			{6, "settle", "closed"},
		},
		"soon again": {
			{0, "fail", "closed"},
			{0, "fail", "closed"},
			{0, "fail", "open"},
			{2, "admit", "half_open in"},
			{2, "settle", "closed"},
			{3, "fail", "closed"},
			{3, "fail", "closed"},
			{3, "fail", "open"},
			{6, "admit", "open out"},
			{7, "admit", "half_open in"},
			{7, "settle", "closed"},
			{18, "fail", "closed"},
			{18, "fail", "closed"},
			{18, "fail", "open"}, // it was closed for a whole window
			{20, "admit", "half_open in"},
		},
	} {
		t.Run(name, func(t *testing.T) { runBreaker(t, newBreaker(Spec{Breaker: settings}), steps) })
	}
}

func runBreaker(t *testing.T, b *breaker, steps []step) {
	began, permit := time.Now(), uint64(0)
	for i, s := range steps {
		now, in := began.Add(time.Duration(s.at)*time.Second), ""
		switch s.do {
		case "fail":
			b.fail("trap", now)
		case "settle":
			b.settle(permit, now)
		case "withdraw":
			b.withdraw(permit)
		case "admit":
			if p, _, ok := b.admit(func() time.Time { return now }); ok {
				permit, in = p, " in"
			} else {
				in = " out"
			}
		}
		if state, _, _ := b.current(now); state.String()+in != s.want {
			t.Fatalf("step %d, %s at %ds: %s%s, want %s", i, s.do, s.at, state, in, s.want)
		}
	}
}

func TestBreakerDefaults(t *testing.T) {
	for instances, want := range map[int]int{1: 5, 4: 5, 5: 6, 16: 17} {
		if got := (Breaker{}).orDefaults(instances).Failures; got != want {
			t.Errorf("%d instances: %d failures, want %d", instances, got, want)
		}
	}
}

// A crash loop opens the breaker, though instances live that nobody has asked yet; one request is tried, and closes it.
func TestCrashLoop(t *testing.T) {
	spec := probeSpec(t, "request_headers: trap")
	spec.Name, spec.Instances = "crash-loop", 3
	spec.Breaker = Breaker{Failures: 2, Timeout: 300 * time.Millisecond}
	p, logs := open(t, spec)
	defer p.Close()
	var mu sync.Mutex
	var events []BreakerEvent
	p.SetBreakerWatch(func(e BreakerEvent) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
	})
	bad, good := mustContext(t, p, spec.Config), mustContext(t, p, "")
	defer bad.Release()
	defer good.Release()
	for range 2 {
		s, err := bad.NewStream(noExchange{})
		if err != nil {
			t.Fatal(err)
		}
		s.RequestHeaders(0, true)
		s.Finish()
	}
	eventually(t, "the breaker opens", func() bool { return p.Stats().Breaker == BreakerOpen })
	if s := p.Stats(); s.Instances == 0 || s.BreakerOpenings != 1 {
		t.Fatalf("%+v", s)
	}
	if _, err := good.NewStream(noExchange{}); !errors.Is(err, ErrBreakerOpen) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	if s := p.Snapshot().Breaker; s.State != "open" || s.Reason == "" || p.Stats().BreakerRefusals != 1 {
		t.Errorf("snapshot %+v", s)
	}
	eventually(t, "a request is tried", func() bool {
		s, err := good.NewStream(noExchange{})
		if err != nil {
			return false
		}
		if _, err := good.NewStream(noExchange{}); !errors.Is(err, ErrBreakerOpen) {
			t.Errorf("beside the request that is tried: %v", err)
		}
		s.RequestHeaders(0, true)
		s.Finish()
		return true
	})
	if s := p.Stats(); s.Breaker != BreakerClosed {
		t.Errorf("%+v", s)
	}
	eventually(t, "who watches is told", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(events) == 3
	})
	for _, message := range []string{"opened: instances fail as fast as they are replaced", "lets one request through", "closed"} {
		if logs.FilterMessage("plugin circuit breaker "+message).Len() != 1 {
			t.Errorf("not logged once: %s", message)
		}
	}
}

// A request whose context fails the instance costs that one, not one after the other.
func TestFailureInContextCreate(t *testing.T) {
	spec := probeSpec(t, "context_create: trap")
	spec.Name = "create-trap"
	p, _ := open(t, spec)
	defer p.Close()
	c := mustContext(t, p, spec.Config)
	defer c.Release()
	if _, err := c.NewStream(noExchange{}); err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, proxywasm.ErrNoStreams) {
		t.Errorf("error %v", err)
	}
	if n := p.Stats().Instances; n != 1 {
		t.Errorf("%d of 2 instances are left", n)
	}
}
