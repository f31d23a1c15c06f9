package balance_test

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/loom-gateway/loom/internal/balance"
)

// scan is least_conn by its definition: look at every endpoint for the least load by weight, and among equals for the
// one whose turn is due.
type scan struct {
	weights, load []int
	turn, picked  []uint64
	last, picks   uint64
}

func newScan(weights []int) model {
	return &scan{weights: weights, load: make([]int, len(weights)), turn: make([]uint64, len(weights)), picked: make([]uint64, len(weights))}
}

func (s *scan) pick(in []bool, excluded excluding) int {
	best := -1
	for i := range s.weights {
		if !in[i] || excluded[i] {
			continue
		}
		if best < 0 {
			best = i
			continue
		}
		x, y := s.load[i]*s.weights[best], s.load[best]*s.weights[i]
		if cmp.Or(cmp.Compare(x, y), cmp.Compare(s.turn[i], s.turn[best]), cmp.Compare(s.picked[i], s.picked[best])) < 0 {
			best = i
		}
	}
	if best >= 0 {
		s.load[best]++
		s.picks++
		s.picked[best] = s.picks
		s.last = max(s.last, s.turn[best])
		s.turn[best] = s.last + (1<<32)/uint64(s.weights[best])
	}
	return best
}

func (s *scan) done(i int) { s.load[i]-- }

// set has one that comes back be due now, and not before.
func (s *scan) set(i int, in bool) {
	if in {
		s.turn[i] = max(s.turn[i], s.last)
	}
}

func TestLeastConnModel(t *testing.T) {
	t.Parallel()
	compareWithModel(t, balance.LeastConnName, newScan)
}

// TestLeastConnTiesRotate has an idle upstream be a round robin by weight.
func TestLeastConnTiesRotate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		weights []int
		want    string
	}{
		{[]int{1, 1, 1}, "[0 1 2 0 1 2]"},
		{[]int{3, 1}, "[0 1 0 0 0 1 0 0]"},
	} {
		p := picker(t, balance.LeastConnName, endpoints(c.weights...))
		var got []int
		for range len(c.want) / 2 {
			i := p.Pick(0, nil)
			p.Done(i)
			got = append(got, i)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("weights %v: picks %v, want %s", c.weights, got, c.want)
		}
	}
}

// TestLeastConnByWeight has endpoints hold requests in proportion to their weights.
func TestLeastConnByWeight(t *testing.T) {
	t.Parallel()
	p, held := picker(t, balance.LeastConnName, endpoints(1, 2, 5)), [3]int{}
	for range 80 {
		held[p.Pick(0, nil)]++
	}
	if held != [3]int{10, 20, 50} {
		t.Errorf("80 requests stand as %v, want 10, 20, 50", held)
	}
}
