package balance

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// MaxTurns is the most turns of one round, which is the sum of the weights after their common divisor is taken out.
const MaxTurns = 1 << 16

// RoundRobin gives every endpoint its weight's share of each round, spread evenly over the round.
//
// The round is laid out once; a pick takes the next turn with one atomic addition. When an endpoint goes out, its turns
// are left out and the others keep theirs in order, so that each has exactly its share among those that remain.
type RoundRobin struct {
	whole []int32 // the endpoint of each turn when all are in

	mu    sync.Mutex // guards in, and changes of round
	in    []bool
	round atomic.Pointer[round]
}

// round is the whole round without the turns of endpoints that are out.
type round struct {
	turns  []int32 // the endpoint of each turn
	places []int32 // where each turn stands in the whole round
	from   int32   // where in the whole round this one was begun
	first  uint64  // the turn that it was begun with
	next   atomic.Uint64
}

// NewRoundRobin lays out the round.
func NewRoundRobin(endpoints []Endpoint) (*RoundRobin, error) {
	divisor, sum := 0, 0
	for _, e := range endpoints {
		divisor = gcd(divisor, e.Weight)
	}
	for _, e := range endpoints {
		if sum += e.Weight / divisor; sum > MaxTurns {
			return nil, fmt.Errorf("weights add up to more than %d in lowest terms", MaxTurns)
		}
	}
	r := &RoundRobin{whole: layOut(endpoints, divisor, sum), in: slices.Repeat([]bool{true}, len(endpoints))}
	r.round.Store(r.begin(0))
	return r, nil
}

// layOut orders the turns by when they are due: turn k of an endpoint with weight w is due at (k + ½) / w of the round.
func layOut(endpoints []Endpoint, divisor, sum int) []int32 {
	type turn struct{ endpoint, k, weight int }
	due := make([]turn, 0, sum)
	for i, e := range endpoints {
		for k := range e.Weight / divisor {
			due = append(due, turn{i, k, e.Weight / divisor})
		}
	}
	slices.SortStableFunc(due, func(a, b turn) int { return (2*a.k+1)*b.weight - (2*b.k+1)*a.weight })
	turns := make([]int32, sum)
	for i, t := range due {
		turns[i] = int32(t.endpoint)
	}
	return turns
}

// begin makes the round of the endpoints that are in, to go on at a place of the whole round.
func (r *RoundRobin) begin(from int32) *round {
	n := &round{from: from}
	for place, endpoint := range r.whole {
		if !r.in[endpoint] {
			continue
		}
		if int32(place) < from {
			n.first++
		}
		n.turns = append(n.turns, endpoint)
		n.places = append(n.places, int32(place))
	}
	n.next.Store(n.first)
	return n
}

// Set implements Picker. It costs as much as the round is long.
func (r *RoundRobin) Set(i int, in bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.in[i] == in {
		return
	}
	r.in[i] = in
	r.round.Store(r.begin(r.round.Load().place()))
}

// place is where in the whole round the next turn is looked for: behind the last one that was taken.
func (n *round) place() int32 {
	next := n.next.Load()
	if next == n.first || len(n.turns) == 0 {
		return n.from
	}
	return n.places[(next-1)%uint64(len(n.turns))] + 1
}

func (n *round) turn() int { return int(n.turns[(n.next.Add(1)-1)%uint64(len(n.turns))]) }

// Pick implements Picker.
func (r *RoundRobin) Pick(_ uint64, excluded Excluder) int {
	n := r.round.Load()
	if len(n.turns) == 0 {
		return -1
	}
	if excluded == nil {
		return n.turn()
	}
	for range n.turns {
		if i := n.turn(); !excluded.Excluded(i) {
			return i
		}
	}
	// Others took the turns of the allowed ones meanwhile: any of these will do.
	for _, i := range n.turns {
		if !excluded.Excluded(int(i)) {
			return int(i)
		}
	}
	return -1
}

// Done implements Picker.
func (*RoundRobin) Done(int) {}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
