package balance_test

import (
	"math"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/balance"
)

// near wants a count within six standard deviations of what chance gives: a fair policy fails once in 500 million.
func near(t *testing.T, what string, got, picks int, share float64) {
	t.Helper()
	want := float64(picks) * share
	if math.Abs(float64(got)-want) > 6*math.Sqrt(want*(1-share)) {
		t.Errorf("%s: %d of %d picks, want about %.0f", what, got, picks, want)
	}
}

func TestRandomShares(t *testing.T) {
	t.Parallel()
	const picks = 20_000
	p := picker(t, balance.RandomName, endpoints(1, 2, 3, 4))
	var got [4]int
	for range picks {
		got[p.Pick(0, nil)]++
	}
	for i, n := range got {
		near(t, "all in", n, picks, float64(i+1)/10)
	}
	p.Set(3, false)
	got = [4]int{}
	for range picks {
		got[p.Pick(0, nil)]++
	}
	for i, share := range []float64{1. / 6, 2. / 6, 3. / 6, 0} {
		near(t, "the heaviest out", got[i], picks, share)
	}
	got = [4]int{}
	for range picks {
		got[p.Pick(0, excluding{2: true})]++
	}
	for i, share := range []float64{1. / 3, 2. / 3, 0, 0} {
		near(t, "another excluded", got[i], picks, share)
	}
}

// TestTwoChoicesAvoidsTheBusy has an endpoint that is busier than every other never win against one of them.
func TestTwoChoicesAvoidsTheBusy(t *testing.T) {
	t.Parallel()
	list := endpoints(1, 1, 1, 1)
	p := picker(t, balance.TwoChoicesName, list)
	list[2].Load.Begin()
	for range 2000 {
		if p.Pick(0, nil) == 2 {
			t.Fatal("the busy endpoint was picked")
		}
	}
	list[2].Load.End()
	got := 0
	for range 8000 {
		if p.Pick(0, nil) == 2 {
			got++
		}
	}
	if got < 1000 {
		t.Errorf("an endpoint that is idle again got %d of 8000", got)
	}
}

// TestTwoChoicesEvensOut compares requests that stay with the mean: two choices differ by single requests.
func TestTwoChoicesEvensOut(t *testing.T) {
	t.Parallel()
	list := endpoints(1, 1, 1, 1, 1, 2, 2, 2, 2, 2)
	p := picker(t, balance.TwoChoicesName, list)
	for range 1500 {
		list[p.Pick(0, nil)].Load.Begin()
	}
	for i, e := range list {
		if got, want := e.Load.InFlight(), int64(100*e.Weight); got < want-20 || got > want+20 {
			t.Errorf("endpoint %d of weight %d holds %d, want about %d", i, e.Weight, got, want)
		}
	}
}

func TestEWMAPrefersTheFast(t *testing.T) {
	t.Parallel()
	list := endpoints(1, 1, 1)
	p := picker(t, balance.EWMAName, list)
	for i, took := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 5 * time.Millisecond} {
		list[i].Load.Observe(took, time.Now())
	}
	for range 1000 {
		if p.Pick(0, nil) == 1 {
			t.Fatal("the slow endpoint was picked over a fast one")
		}
	}
	for range 20 { // twenty requests at 5 ms each are more than one at 50
		list[0].Load.Begin()
		list[2].Load.Begin()
	}
	won := false
	for range 100 {
		won = won || p.Pick(0, nil) == 1
	}
	if !won {
		t.Error("the slow endpoint was not picked though the fast ones are full")
	}
}

// TestEWMAFindsOut sends one request to an endpoint of which nothing is known, and no second before its answer.
func TestEWMAFindsOut(t *testing.T) {
	t.Parallel()
	list := endpoints(1, 1)
	p := picker(t, balance.EWMAName, list)
	list[0].Load.Observe(time.Millisecond, time.Now())
	if i := p.Pick(0, nil); i != 1 {
		t.Fatalf("picked %d, want the unknown one", i)
	}
	list[1].Load.Begin()
	for range 100 {
		if p.Pick(0, nil) == 1 {
			t.Fatal("the unknown endpoint got a second request before its first answer")
		}
	}
}

func TestLoadLatency(t *testing.T) {
	t.Parallel()
	var l balance.Load
	now := time.Unix(1_700_000_000, 0)
	if l.Latency(now) != 0 {
		t.Error("a latency before the first")
	}
	l.Observe(10*time.Millisecond, now)
	l.Observe(100*time.Millisecond, now)
	if got := l.Latency(now); got != 100*time.Millisecond {
		t.Errorf("after a slow answer %s, want 100ms at once", got)
	}
	l.Observe(10*time.Millisecond, now)
	if got := l.Latency(now); got < 95*time.Millisecond {
		t.Errorf("one fast answer right after has brought it down to %s", got)
	}
	if got := l.Latency(now.Add(10 * time.Second)); got < 35*time.Millisecond || got > 38*time.Millisecond {
		t.Errorf("ten seconds later %s, want 100ms / e", got)
	}
	for range 100 {
		now = now.Add(time.Second)
		l.Observe(10*time.Millisecond, now)
	}
	if got := l.Latency(now); got < 10*time.Millisecond || got > 11*time.Millisecond {
		t.Errorf("after many fast answers %s, want 10ms", got)
	}
}
