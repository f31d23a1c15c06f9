package balance_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/loom-gateway/loom/internal/balance"
)

func endpoints(weights ...int) []balance.Endpoint {
	list := make([]balance.Endpoint, len(weights))
	for i, w := range weights {
		list[i] = balance.Endpoint{Name: fmt.Sprintf("10.0.%d.%d:80", i/256, i%256), Weight: w, Load: new(balance.Load)}
	}
	return list
}

func picker(t testing.TB, policy string, list []balance.Endpoint) balance.Picker {
	t.Helper()
	p, err := balance.New(policy, list, balance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// excluding says which endpoints a request may not go to.
type excluding map[int]bool

func (e excluding) Excluded(i int) bool { return e[i] }

// A model is the plain definition of a policy, without regard to cost.
type model interface {
	pick(in []bool, excluded excluding) int
	done(i int)
	set(i int, in bool)
}

// compareWithModel runs random sequences of picks, ends and changes through a policy and its model: they must pick the
// same endpoint each time.
func compareWithModel(t *testing.T, policy string, newModel func(weights []int) model) {
	t.Helper()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 7))
		weights, in := make([]int, 1+random.IntN(9)), []bool(nil)
		for i := range weights {
			weights[i], in = 1+random.IntN(1+random.IntN(12)), append(in, true)
		}
		p, m := picker(t, policy, endpoints(weights...)), newModel(weights)
		var open []int
		for step := range 400 {
			switch action := random.IntN(10); {
			case action == 0:
				i := random.IntN(len(in))
				in[i] = !in[i]
				p.Set(i, in[i])
				m.set(i, in[i])
			case action < 5 && len(open) > 0:
				at := random.IntN(len(open))
				p.Done(open[at])
				m.done(open[at])
				open = append(open[:at], open[at+1:]...)
			default:
				got, want := p.Pick(0, nil), m.pick(in, nil)
				if got != want {
					t.Fatalf("seed %d, step %d, weights %v, in %v: picked %d, the model %d", seed, step, weights, in, got, want)
				}
				if got >= 0 {
					open = append(open, got)
				}
			}
		}
	}
}
