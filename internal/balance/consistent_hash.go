package balance

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

const (
	// pointsPerWeight is how often an endpoint of weight 1 stands on the ring, and maxPoints how long the ring is at most:
	// with large weights each counts for fewer points.
	pointsPerWeight = 160
	maxPoints       = 1 << 17
)

// ConsistentHash sends equal keys to the same endpoint, as long as it is in. When an endpoint goes out, only its keys
// move, and they come back with it. Gateways with the same endpoints agree.
//
// With a balance factor an endpoint that has more than its share of the requests in flight is passed over ("consistent
// hashing with bounded loads").
type ConsistentHash struct {
	ring   []point
	factor int64 // in percent; 0: no bound
	nodes  []node
	total  atomic.Int64 // requests in flight
	weight atomic.Int64 // of the endpoints that are in
}

type point struct {
	hash     uint64
	endpoint int32
}

type node struct {
	weight int64
	load   atomic.Int64
	out    atomic.Bool
}

// NewConsistentHash lays out the ring. With a factor of 0 there is no bound.
func NewConsistentHash(endpoints []Endpoint, factor int) (*ConsistentHash, error) {
	if factor != 0 && (factor <= 100 || factor > 10_000) {
		return nil, fmt.Errorf("balance factor %d: must be more than 100 (percent of an endpoint's share), and at most 10000", factor)
	}
	sum := 0
	for _, e := range endpoints {
		sum += e.Weight
	}
	c := &ConsistentHash{factor: int64(factor), nodes: make([]node, len(endpoints))}
	c.weight.Store(int64(sum))
	each := max(1, min(pointsPerWeight, maxPoints/sum))
	for i, e := range endpoints {
		c.nodes[i].weight = int64(e.Weight)
		count := min(e.Weight*each, max(1, int(int64(e.Weight)*maxPoints/int64(sum))))
		for k := range count {
			c.ring = append(c.ring, point{scatter(HashKey(e.Name) + uint64(k)), int32(i)})
		}
	}
	slices.SortFunc(c.ring, func(a, b point) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.endpoint, b.endpoint)) })
	return c, nil
}

// HashKey is the place of a text on the ring. It is the same in every process.
func HashKey(text string) uint64 { return xxhash.Sum64String(text) }

// RandomKey is the place of a request that has nothing to hash.
func RandomKey() uint64 { return rand.Uint64() }

// scatter is the finalizer of splitmix64: neighbours land far apart.
func scatter(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Pick implements Picker: it walks the ring from the key on. Few steps are needed unless most endpoints are out.
func (c *ConsistentHash) Pick(key uint64, excluded Excluder) int {
	start, _ := slices.BinarySearchFunc(c.ring, key, func(p point, key uint64) int { return cmp.Compare(p.hash, key) })
	total, weight, fallback := c.total.Load()+1, c.weight.Load(), -1
	if weight == 0 {
		return -1
	}
	for step := range c.ring {
		at := start + step
		if at >= len(c.ring) {
			at -= len(c.ring)
		}
		i := int(c.ring[at].endpoint)
		n := &c.nodes[i]
		if n.out.Load() || !allowed(i, excluded) {
			continue
		}
		if c.factor == 0 || n.load.Load()*weight*100 < c.factor*total*n.weight {
			return c.take(i)
		}
		if fallback < 0 {
			fallback = i
		}
	}
	return c.take(fallback)
}

func (c *ConsistentHash) take(i int) int {
	if i >= 0 {
		c.nodes[i].load.Add(1)
		c.total.Add(1)
	}
	return i
}

// Done implements Picker.
func (c *ConsistentHash) Done(i int) {
	c.nodes[i].load.Add(-1)
	c.total.Add(-1)
}

// Set implements Picker.
func (c *ConsistentHash) Set(i int, in bool) {
	n := &c.nodes[i]
	if n.out.CompareAndSwap(in, !in) {
		if in {
			c.weight.Add(n.weight)
		} else {
			c.weight.Add(-n.weight)
		}
	}
}
