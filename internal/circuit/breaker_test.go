package circuit_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/circuit"
)

// clock is moved by hand.
type clock struct{ now time.Time }

func newClock() *clock                { return &clock{time.Unix(1_700_000_000, 0)} }
func (c *clock) read() time.Time      { return c.now }
func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }
func defaults() *circuit.Settings     { return with(circuit.Settings{}) }
func with(s circuit.Settings) *circuit.Settings {
	s = s.WithDefaults()
	return &s
}

// run sends one request.
func run(t *testing.T, b *circuit.Breaker, s *circuit.Settings, c *clock, o circuit.Outcome) {
	t.Helper()
	p, _, ok := b.Allow(s, c.read)
	if !ok {
		t.Fatalf("refused in state %s", b.State())
	}
	b.Done(p, o, s, c.read)
}

func TestOneRound(t *testing.T) {
	t.Parallel()
	var b circuit.Breaker
	s, c := defaults(), newClock()
	for range 4 {
		run(t, &b, s, c, circuit.Failure)
	}
	run(t, &b, s, c, circuit.Success) // the row is broken
	for range 4 {
		run(t, &b, s, c, circuit.Failure)
		run(t, &b, s, c, circuit.Ignored) // says nothing
	}
	if b.State() != circuit.Closed {
		t.Fatal("open after four failures in a row")
	}
	p, _, _ := b.Allow(s, c.read)
	if change := b.Done(p, circuit.Failure, s, c.read); change != (circuit.Change{From: circuit.Closed, To: circuit.Open}) {
		t.Fatalf("after five failures: %v", change)
	}
	c.pass(29 * time.Second)
	if _, _, ok := b.Allow(s, c.read); ok || !b.Refuses(c.now) {
		t.Fatal("open, and yet it lets a request through")
	}
	c.pass(time.Second)
	p, change, ok := b.Allow(s, c.read)
	if !ok || change.To != circuit.HalfOpen {
		t.Fatalf("no probe after the timeout: %v", change)
	}
	if _, _, second := b.Allow(s, c.read); second {
		t.Fatal("a second probe beside the first")
	}
	b.Done(p, circuit.Success, s, c.read)
	run(t, &b, s, c, circuit.Ignored)
	run(t, &b, s, c, circuit.Success)
	if b.State() != circuit.HalfOpen {
		t.Fatal("closed after two of three successes")
	}
	run(t, &b, s, c, circuit.Success)
	if b.State() != circuit.Closed || b.Openings() != 1 {
		t.Fatalf("%s after three successes, %d openings", b.State(), b.Openings())
	}
}

func TestLateAnswersAreIgnored(t *testing.T) {
	t.Parallel()
	var b circuit.Breaker
	s, c := with(circuit.Settings{FailureThreshold: 1, SuccessThreshold: 1}), newClock()
	late, _, _ := b.Allow(s, c.read)
	run(t, &b, s, c, circuit.Failure)
	b.Done(late, circuit.Success, s, c.read)
	if b.State() != circuit.Open {
		t.Error("an answer from before the failure has closed it")
	}
	c.pass(s.Timeout)
	probe, _, _ := b.Allow(s, c.read)
	b.Done(late, circuit.Failure, s, c.read)
	if b.State() != circuit.HalfOpen {
		t.Error("an answer from before counts as a probe's")
	}
	b.Done(probe, circuit.Success, s, c.read)
	b.Done(probe, circuit.Failure, s, c.read)
	if b.State() != circuit.Closed {
		t.Error("a probe that has ended counts again")
	}
}

// TestHangingProbe has a probe without an answer not keep the breaker half-open for ever.
func TestHangingProbe(t *testing.T) {
	t.Parallel()
	var b circuit.Breaker
	s, c := with(circuit.Settings{FailureThreshold: 1, SuccessThreshold: 1}), newClock()
	run(t, &b, s, c, circuit.Failure)
	c.pass(s.Timeout)
	b.Allow(s, c.read)
	c.pass(s.Timeout)
	run(t, &b, s, c, circuit.Success)
	if b.State() != circuit.Closed {
		t.Error("the second probe did not close it")
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	var b circuit.Breaker
	s, c := with(circuit.Settings{FailureThreshold: 1}), newClock()
	run(t, &b, s, c, circuit.Failure)
	b.Retry(c.now)
	run(t, &b, s, c, circuit.Success)
	if b.State() != circuit.HalfOpen {
		t.Errorf("%s after a retry, want half_open", b.State())
	}
}

func TestFailureRate(t *testing.T) {
	t.Parallel()
	s := with(circuit.Settings{FailureThreshold: 1000, FailureRate: 50, MinimumRequests: 10})
	var b circuit.Breaker
	c := newClock()
	for i := range 9 {
		run(t, &b, s, c, circuit.Outcome(i%2)) // five successes, four failures
	}
	run(t, &b, s, c, circuit.Failure)
	if b.State() != circuit.Open {
		t.Error("five of ten have failed, and it is closed")
	}
	b = circuit.Breaker{}
	for range 9 {
		run(t, &b, s, c, circuit.Failure)
	}
	c.pass(s.Window)
	for range 9 {
		run(t, &b, s, c, circuit.Success)
	}
	run(t, &b, s, c, circuit.Failure)
	if b.State() != circuit.Closed {
		t.Error("failures that are over still count")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	if err := (circuit.Settings{FailureRate: 100}).Check(); err != nil {
		t.Error(err)
	}
	for _, s := range []circuit.Settings{{FailureThreshold: -1}, {FailureRate: 101}, {Timeout: -1}, {Window: -1}, {Probes: -1}} {
		if s.Check() == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}

func TestHammer(t *testing.T) {
	t.Parallel()
	var b circuit.Breaker
	s := with(circuit.Settings{FailureThreshold: 2, SuccessThreshold: 1, Timeout: time.Nanosecond, FailureRate: 60, Probes: 2})
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 5000 {
				if p, _, ok := b.Allow(s, time.Now); ok {
					b.Done(p, circuit.Outcome(random.IntN(3)), s, time.Now)
				}
				b.Refuses(time.Now())
			}
		})
	}
	all.Wait()
	if b.Openings() == 0 {
		t.Error("never opened")
	}
}

func TestAllocatesNothing(t *testing.T) {
	var b circuit.Breaker
	s := defaults()
	if n := testing.AllocsPerRun(100, func() {
		p, _, _ := b.Allow(s, time.Now)
		b.Done(p, circuit.Success, s, time.Now)
	}); n != 0 {
		t.Errorf("%v allocations per request", n)
	}
}
