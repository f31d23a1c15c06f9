package balance

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// MaxTurns is the most turns of one round, which is the sum of the weights after their common divisor is taken out.
const MaxTurns = 1 << 16

// RoundRobin gives every endpoint its weight's share of each round, spread evenly over the round.
//
// The round is laid out once; a pick takes the next turn with one atomic addition and allocates nothing. Turns of
// endpoints that are not accepted are skipped, so the others keep their shares among themselves exactly.
type RoundRobin struct {
	turns     []int32
	endpoints int
	next      atomic.Uint64
}

// NewRoundRobin lays out the round. Weights must be 1 or more.
func NewRoundRobin(weights []int) (*RoundRobin, error) {
	if len(weights) == 0 {
		return nil, errors.New("no endpoints")
	}
	divisor, sum := 0, 0
	for i, w := range weights {
		if w < 1 {
			return nil, fmt.Errorf("weight %d of endpoint %d: must be 1 or more", w, i)
		}
		divisor = gcd(divisor, w)
	}
	for _, w := range weights {
		sum += w / divisor
		if sum > MaxTurns || sum < 0 {
			return nil, fmt.Errorf("weights add up to more than %d in lowest terms", MaxTurns)
		}
	}
	return &RoundRobin{turns: layOut(weights, divisor, sum), endpoints: len(weights)}, nil
}

// layOut orders the turns by when they are due: turn k of an endpoint with weight w is due at (k + ½) / w of the round.
func layOut(weights []int, divisor, sum int) []int32 {
	type turn struct{ endpoint, k, weight int }
	due := make([]turn, 0, sum)
	for i, w := range weights {
		for k := range w / divisor {
			due = append(due, turn{i, k, w / divisor})
		}
	}
	slices.SortStableFunc(due, func(a, b turn) int { return (2*a.k+1)*b.weight - (2*b.k+1)*a.weight })
	turns := make([]int32, sum)
	for i, t := range due {
		turns[i] = int32(t.endpoint)
	}
	return turns
}

// Pick implements Picker.
func (r *RoundRobin) Pick(accept func(i int) bool) int {
	if accept == nil {
		return int(r.turn())
	}
	for range r.turns {
		if i := int(r.turn()); accept(i) {
			return i
		}
	}
	// Others took the turns of the accepted ones meanwhile: any of these will do.
	for i := range r.endpoints {
		if accept(i) {
			return i
		}
	}
	return -1
}

func (r *RoundRobin) turn() int32 {
	return r.turns[(r.next.Add(1)-1)%uint64(len(r.turns))]
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
