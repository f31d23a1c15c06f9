package balance

import (
	"slices"
	"sync"
)

// LeastConn takes the endpoint with the fewest requests in flight by weight. Those that are equal take turns by weight:
// without any load it is a weighted round robin.
//
// The endpoints that are in stand in a heap, so that a pick and its end are O(log n).
type LeastConn struct {
	mu    sync.Mutex
	all   []connections
	heap  []int32 // the endpoints that are in, the next one first
	turn  uint64  // the turn of the last pick
	picks uint64
}

// connections of one endpoint.
type connections struct {
	load, weight int64
	// turn is when it is due among its equals; a pick puts it off by stride, which is shorter the heavier it is.
	turn, stride uint64
	picked       uint64 // the number of its last pick
	at           int    // in the heap; -1 when it is out
}

// stride of an endpoint with weight 1. Turns fit in 64 bits for 2^32 picks of such an endpoint, so they start over.
const stride = 1 << 32

// NewLeastConn returns the policy over the endpoints.
func NewLeastConn(endpoints []Endpoint) *LeastConn {
	l := &LeastConn{all: make([]connections, len(endpoints))}
	for i, e := range endpoints {
		l.all[i] = connections{weight: int64(e.Weight), stride: stride / uint64(e.Weight), at: i}
		l.heap = append(l.heap, int32(i))
	}
	return l
}

// before orders by load, then by turn, then by who has waited longer, then as the config lists them.
func (l *LeastConn) before(i, j int32) bool {
	a, b := &l.all[i], &l.all[j]
	if x, y := a.load*b.weight, b.load*a.weight; x != y {
		return x < y
	}
	if a.turn != b.turn {
		return int64(a.turn-b.turn) < 0 // turns may have started over
	}
	if a.picked != b.picked {
		return a.picked < b.picked
	}
	return i < j
}

// Pick implements Picker.
func (l *LeastConn) Pick(_ uint64, excluded Excluder) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.heap) == 0 {
		return -1
	}
	i := l.heap[0]
	if !allowed(int(i), excluded) {
		if i = l.search(excluded); i < 0 {
			return -1
		}
	}
	c := &l.all[i]
	c.load++
	if int64(l.turn-c.turn) < 0 {
		l.turn = c.turn
	} else {
		c.turn = l.turn // it does not make up for the time when it was loaded, or out
	}
	c.turn += c.stride
	l.picks++
	c.picked = l.picks
	l.fix(c.at)
	return int(i)
}

// search looks at all, since the next one is excluded.
func (l *LeastConn) search(excluded Excluder) int32 {
	best := int32(-1)
	for _, i := range l.heap {
		if (best < 0 || l.before(i, best)) && !excluded.Excluded(int(i)) {
			best = i
		}
	}
	return best
}

// Done implements Picker.
func (l *LeastConn) Done(i int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.all[i]
	c.load--
	if c.at >= 0 {
		l.fix(c.at)
	}
}

// Set implements Picker. What is in flight on an endpoint that is out still counts when it comes back.
func (l *LeastConn) Set(i int, in bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.all[i]
	switch {
	case in && c.at < 0:
		if int64(l.turn-c.turn) > 0 {
			c.turn = l.turn
		}
		c.at = len(l.heap)
		l.heap = append(l.heap, int32(i))
		l.fix(c.at)
	case !in && c.at >= 0:
		at, last := c.at, len(l.heap)-1
		l.swap(at, last)
		l.heap = slices.Delete(l.heap, last, last+1)
		c.at = -1
		if at < last {
			l.fix(at)
		}
	}
}

func (l *LeastConn) swap(x, y int) {
	l.heap[x], l.heap[y] = l.heap[y], l.heap[x]
	l.all[l.heap[x]].at, l.all[l.heap[y]].at = x, y
}

// fix moves an endpoint whose load has changed to its place.
func (l *LeastConn) fix(at int) {
	for at > 0 && l.before(l.heap[at], l.heap[(at-1)/2]) {
		l.swap(at, (at-1)/2)
		at = (at - 1) / 2
	}
	for {
		least := at
		for child := 2*at + 1; child <= 2*at+2 && child < len(l.heap); child++ {
			if l.before(l.heap[child], l.heap[least]) {
				least = child
			}
		}
		if least == at {
			return
		}
		l.swap(at, least)
		at = least
	}
}
