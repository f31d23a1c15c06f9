package balance_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/loom-gateway/loom/internal/balance"
)

func TestRoundRobinOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		weights []int
		want    string
	}{
		{[]int{1}, "[0 0 0 0]"},
		{[]int{1, 1, 1}, "[0 1 2 0 1 2]"},
		{[]int{7, 7}, "[0 1 0 1]"},
		{[]int{3, 1}, "[0 0 1 0 0 0 1 0]"},
		{[]int{1, 2, 1}, "[1 0 2 1 1 0 2 1]"},
		{[]int{5, 1, 1}, "[0 0 0 1 2 0 0]"},
	} {
		rr := roundRobin(t, c.weights...)
		var got []int
		for range len(c.want) / 2 {
			got = append(got, rr.Pick(nil))
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("weights %v: picks %v, want %s", c.weights, got, c.want)
		}
	}
}

// TestRoundRobinModel compares shares with the plain definition over random weights and random outages: in any
// window of one round, each accepted endpoint is picked exactly its weight in lowest terms times.
func TestRoundRobinModel(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		weights := make([]int, 1+random.IntN(8))
		accepted := make([]bool, len(weights))
		for i := range weights {
			weights[i], accepted[i] = 1+random.IntN(20), random.IntN(3) > 0
		}
		checkShares(t, random, weights, accepted)
	}
}

func checkShares(t *testing.T, random *rand.Rand, weights []int, accepted []bool) {
	t.Helper()
	rr, divisor := roundRobin(t, weights...), slices.Min(weights)
	for slices.ContainsFunc(weights, func(w int) bool { return w%divisor != 0 }) {
		divisor--
	}
	want, window := make([]int, len(weights)), 0
	for i, w := range weights {
		if accepted[i] {
			want[i] = w / divisor
			window += w / divisor
		}
	}
	accept := func(i int) bool { return accepted[i] }
	for range random.IntN(50) { // windows may begin anywhere
		rr.Pick(accept)
	}
	got := make([]int, len(weights))
	if window == 0 {
		if i := rr.Pick(accept); i != -1 {
			t.Fatalf("picked %d though none is accepted", i)
		}
		return
	}
	for range window {
		got[rr.Pick(accept)]++
	}
	if !slices.Equal(got, want) {
		t.Errorf("weights %v, accepted %v: shares %v, want %v", weights, accepted, got, want)
	}
}

func TestRoundRobinHammer(t *testing.T) {
	t.Parallel()
	const workers, picks = 8, 6000
	rr := roundRobin(t, 1, 2, 3)
	var counts [3]atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range picks {
				counts[rr.Pick(nil)].Add(1)
			}
		})
	}
	all.Wait()
	for i := range counts {
		if got, want := counts[i].Load(), int64(workers*picks/6*(i+1)); got != want {
			t.Errorf("endpoint %d: %d picks, want %d", i, got, want)
		}
	}
}

// TestRoundRobinHammerRefused has all workers compete for the turns of one endpoint: nobody goes without.
func TestRoundRobinHammerRefused(t *testing.T) {
	t.Parallel()
	rr := roundRobin(t, 9, 1)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				if i := rr.Pick(func(i int) bool { return i == 1 }); i != 1 {
					t.Errorf("picked %d, want 1", i)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestRoundRobinRefuses(t *testing.T) {
	t.Parallel()
	for name, weights := range map[string][]int{
		"none": {}, "zero": {1, 0}, "negative": {-1}, "too long a round": {balance.MaxTurns, 1}, "overflow": {1<<62 - 1, 1<<62 - 3},
	} {
		if _, err := balance.NewRoundRobin(weights); err == nil {
			t.Errorf("%s: weights %v were accepted", name, weights)
		}
	}
	if _, err := balance.New("wheel_of_fortune", []int{1}); !errors.Is(err, balance.ErrUnknown) {
		t.Errorf("unknown policy: %v", err)
	}
}

func TestRoundRobinAllocatesNothing(t *testing.T) {
	rr := roundRobin(t, 3, 1, 2)
	accept := func(i int) bool { return i != 0 }
	if n := testing.AllocsPerRun(100, func() { rr.Pick(nil); rr.Pick(accept) }); n != 0 {
		t.Errorf("%v allocations per pick", n)
	}
}

func BenchmarkRoundRobin(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		weights := slices.Repeat([]int{1}, n)
		rr, err := balance.New(balance.RoundRobinName, weights)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rr.Pick(nil)
			}
		})
	}
}

func roundRobin(t *testing.T, weights ...int) balance.Picker {
	t.Helper()
	p, err := balance.New(balance.RoundRobinName, weights)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
