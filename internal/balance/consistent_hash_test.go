package balance_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/loom-gateway/loom/internal/balance"
)

func keys(n int) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		list[i] = balance.HashKey(fmt.Sprintf("user-%d", i))
	}
	return list
}

// place sends each key alone, so that no bound applies.
func place(p balance.Picker, keys []uint64) []int {
	list := make([]int, len(keys))
	for i, key := range keys {
		list[i] = p.Pick(key, nil)
		if list[i] >= 0 {
			p.Done(list[i])
		}
	}
	return list
}

// TestConsistentHashMovesOnlyWhatMust has the keys of an endpoint move when it goes out, come back with it, and no other
// key move.
func TestConsistentHashMovesOnlyWhatMust(t *testing.T) {
	t.Parallel()
	p, all := picker(t, balance.ConsistentHashName, endpoints(1, 1, 1, 1, 1)), keys(5000)
	before := place(p, all)
	p.Set(3, false)
	for i, at := range place(p, all) {
		if at == 3 || before[i] != 3 && at != before[i] {
			t.Fatalf("key %d went from %d to %d", i, before[i], at)
		}
	}
	p.Set(3, true)
	if !slices.Equal(place(p, all), before) {
		t.Error("keys did not come back")
	}
	larger := place(picker(t, balance.ConsistentHashName, endpoints(1, 1, 1, 1, 1, 1)), all)
	moved := 0
	for i, at := range larger {
		if at != before[i] {
			moved++
			if at != 5 {
				t.Fatalf("key %d went from %d to %d when 5 was added", i, before[i], at)
			}
		}
	}
	if moved < 5000/6/2 || moved > 5000/6*2 {
		t.Errorf("a sixth endpoint took over %d of 5000 keys", moved)
	}
}

func TestConsistentHashShares(t *testing.T) {
	t.Parallel()
	p := picker(t, balance.ConsistentHashName, endpoints(1, 1, 2))
	var got [3]int
	for _, at := range place(p, keys(8000)) {
		got[at]++
	}
	for i, want := range []int{2000, 2000, 4000} {
		if got[i] < want*3/4 || got[i] > want*5/4 {
			t.Errorf("endpoint %d has %d keys, want about %d", i, got[i], want)
		}
	}
}

// TestConsistentHashModel holds the bound over random sequences: nobody gets a request that would take it to more than
// its share and a quarter, and a key goes to its own endpoint whenever the bound allows it.
func TestConsistentHashModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 9))
		weights, in := []int{}, []bool{}
		for range 2 + random.IntN(6) {
			weights, in = append(weights, 1+random.IntN(4)), append(in, true)
		}
		p, alone := bounded(t, weights), picker(t, balance.ConsistentHashName, endpoints(weights...))
		load, total, open := make([]int, len(weights)), 0, []int(nil)
		for range 500 {
			switch action := random.IntN(10); {
			case action == 0:
				i := random.IntN(len(in))
				in[i] = !in[i]
				p.Set(i, in[i])
				alone.Set(i, in[i])
			case action < 4 && len(open) > 0:
				at := random.IntN(len(open))
				p.Done(open[at])
				load[open[at]]--
				total--
				open = slices.Delete(open, at, at+1)
			default:
				key := random.Uint64N(5) * 1e18
				i := p.Pick(key, nil)
				checkBound(t, i, place(alone, []uint64{key})[0], weights, load, in, total)
				if i >= 0 {
					load[i]++
					total++
					open = append(open, i)
				}
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

func bounded(t *testing.T, weights []int) balance.Picker {
	t.Helper()
	p, err := balance.New(balance.ConsistentHashName, endpoints(weights...), balance.Options{BalanceFactor: 125})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// checkBound says whether endpoint got may have been picked when own is the key's.
func checkBound(t *testing.T, got, own int, weights, load []int, in []bool, total int) {
	t.Helper()
	weight := 0
	for i, w := range weights {
		if in[i] {
			weight += w
		}
	}
	full := func(i int) bool {
		return float64(load[i]) >= 1.25*float64(total+1)*float64(weights[i])/float64(weight)
	}
	switch {
	case got < 0:
		if weight > 0 {
			t.Errorf("none was picked of %v", in)
		}
	case !in[got]:
		t.Errorf("%d was picked, which is out", got)
	case full(got):
		t.Errorf("%d was picked, which has %d of %d", got, load[got], total)
	case got != own && !full(own):
		t.Errorf("%d was picked though %d is the key's own and has %d of %d", got, own, load[own], total)
	}
}
