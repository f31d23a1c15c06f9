package balance_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/balance"
)

func TestRefuses(t *testing.T) {
	t.Parallel()
	for name, weights := range map[string][]int{
		"none": {}, "zero": {1, 0}, "negative": {-1}, "too long a round": {balance.MaxTurns, 1}, "too large": {1 << 40},
	} {
		if _, err := balance.New(balance.RoundRobinName, endpoints(weights...), balance.Options{}); err == nil {
			t.Errorf("%s: weights %v were accepted", name, weights)
		}
	}
	if _, err := balance.New("wheel_of_fortune", endpoints(1), balance.Options{}); !errors.Is(err, balance.ErrUnknown) {
		t.Errorf("unknown policy: %v", err)
	}
	if _, err := balance.New(balance.ConsistentHashName, endpoints(1), balance.Options{BalanceFactor: 100}); err == nil {
		t.Error("a balance factor that leaves no room was accepted")
	}
}

// TestEveryPolicy holds what is true of all: only endpoints that are in and not excluded are picked, and one is whenever
// there is one.
func TestEveryPolicy(t *testing.T) {
	t.Parallel()
	for _, policy := range balance.Names() {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(3, 4))
			in, p := slices.Repeat([]bool{true}, 7), picker(t, policy, endpoints(1, 2, 3, 1, 1, 9, 1))
			for range 3000 {
				i := random.IntN(len(in))
				in[i] = !in[i]
				p.Set(i, in[i])
				excluded, left := excluding{}, 0
				for i := range in {
					if random.IntN(3) == 0 {
						excluded[i] = true
					}
					if in[i] && !excluded[i] {
						left++
					}
				}
				got := p.Pick(random.Uint64(), excluded)
				if got < 0 != (left == 0) || got >= 0 && (!in[got] || excluded[got]) {
					t.Fatalf("picked %d of %v without %v", got, in, excluded)
				}
				if got >= 0 {
					p.Done(got)
				}
			}
		})
	}
}

func TestEveryPolicyHammer(t *testing.T) {
	t.Parallel()
	for _, policy := range balance.Names() {
		list := endpoints(1, 2, 3, 4)
		p := picker(t, policy, list)
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for n := range 2000 {
					if worker == 0 {
						p.Set(n%4, n%3 > 0)
					}
					if i := p.Pick(uint64(n), nil); i >= 0 {
						list[i].Load.Begin()
						list[i].Load.Observe(time.Millisecond, time.Now())
						list[i].Load.End()
						p.Done(i)
					}
				}
			})
		}
		all.Wait()
	}
}

func TestPicksAllocateNothing(t *testing.T) {
	for _, policy := range balance.Names() {
		p, excluded := picker(t, policy, endpoints(3, 1, 2)), excluding{0: true}
		if n := testing.AllocsPerRun(100, func() {
			p.Done(p.Pick(1, nil))
			p.Done(p.Pick(2, excluded))
		}); n != 0 {
			t.Errorf("%s: %v allocations per pick", policy, n)
		}
	}
}

// BenchmarkPick compares 10 endpoints with 1,000, half of them out in the second row of each.
func BenchmarkPick(b *testing.B) {
	for _, policy := range balance.Names() {
		for _, n := range []int{10, 1000} {
			for _, out := range []int{0, n / 2} {
				b.Run(fmt.Sprintf("%s/%d/out=%d", policy, n, out), func(b *testing.B) {
					p := picker(b, policy, endpoints(slices.Repeat([]int{1}, n)...))
					for i := range out {
						p.Set(2*i, false)
					}
					b.ReportAllocs()
					for key := uint64(0); b.Loop(); key += 0x9e3779b97f4a7c15 {
						p.Done(p.Pick(key, nil))
					}
				})
			}
		}
	}
}
