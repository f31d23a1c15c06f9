package balance_test

import (
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
		rr := picker(t, balance.WeightedName, endpoints(c.weights...))
		var got []int
		for range len(c.want) / 2 {
			got = append(got, rr.Pick(0, nil))
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("weights %v: picks %v, want %s", c.weights, got, c.want)
		}
	}
}

// walker is round robin by its definition: walk the round, and pass over what is out.
type walker struct {
	round []int
	next  int
}

func newWalker(t *testing.T) func(weights []int) model {
	return func(weights []int) model {
		whole, w := picker(t, balance.RoundRobinName, endpoints(weights...)), &walker{}
		divisor := slices.Min(weights)
		for slices.ContainsFunc(weights, func(w int) bool { return w%divisor != 0 }) {
			divisor--
		}
		for _, weight := range weights {
			for range weight / divisor {
				w.round = append(w.round, whole.Pick(0, nil))
			}
		}
		return w
	}
}

func (w *walker) pick(in []bool, excluded excluding) int {
	for range w.round {
		i := w.round[w.next%len(w.round)]
		w.next++
		if in[i] && !excluded[i] {
			return i
		}
	}
	return -1
}

func (*walker) done(int) {}

func (*walker) set(int, bool) {}

func TestRoundRobinModel(t *testing.T) {
	t.Parallel()
	compareWithModel(t, balance.RoundRobinName, newWalker(t))
}

// TestRoundRobinShares compares with the definition of fair: in any window of one round of those that are in, each is
// picked exactly its weight in lowest terms times.
func TestRoundRobinShares(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		weights := make([]int, 1+random.IntN(8))
		in := make([]bool, len(weights))
		for i := range weights {
			weights[i], in[i] = 1+random.IntN(20), random.IntN(3) > 0
		}
		checkShares(t, random, weights, in)
	}
}

func checkShares(t *testing.T, random *rand.Rand, weights []int, in []bool) {
	t.Helper()
	rr, divisor := picker(t, balance.WeightedName, endpoints(weights...)), slices.Min(weights)
	for slices.ContainsFunc(weights, func(w int) bool { return w%divisor != 0 }) {
		divisor--
	}
	want, window := make([]int, len(weights)), 0
	for i, w := range weights {
		if in[i] {
			want[i] = w / divisor
			window += w / divisor
		}
		rr.Set(i, in[i])
	}
	if window == 0 {
		if i := rr.Pick(0, nil); i != -1 {
			t.Fatalf("picked %d though none is in", i)
		}
		return
	}
	for range random.IntN(50) { // windows may begin anywhere
		rr.Pick(0, nil)
	}
	got := make([]int, len(weights))
	for range window {
		got[rr.Pick(0, nil)]++
	}
	if !slices.Equal(got, want) {
		t.Errorf("weights %v, in %v: shares %v, want %v", weights, in, got, want)
	}
}

func TestRoundRobinHammer(t *testing.T) {
	t.Parallel()
	const workers, picks = 8, 6000
	rr := picker(t, balance.RoundRobinName, endpoints(1, 2, 3))
	var counts [3]atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range picks {
				counts[rr.Pick(0, nil)].Add(1)
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

// TestRoundRobinHammerExcluded has all workers compete for the turns of one endpoint: nobody goes without.
func TestRoundRobinHammerExcluded(t *testing.T) {
	t.Parallel()
	rr := picker(t, balance.RoundRobinName, endpoints(9, 1))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				if i := rr.Pick(0, excluding{0: true}); i != 1 {
					t.Errorf("picked %d, want 1", i)
					return
				}
			}
		})
	}
	all.Wait()
}
