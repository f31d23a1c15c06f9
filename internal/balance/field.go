package balance

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
)

// field draws endpoints at random by their weights. A draw takes no lock.
type field struct {
	endpoints []Endpoint

	mu   sync.Mutex // guards in, and changes of now
	in   []bool
	now  atomic.Pointer[drawing]
	rand func(n uint64) uint64 // below n, which is 1 or more; tests replace it
}

// drawing is what can be drawn as long as no endpoint goes in or out.
type drawing struct {
	endpoints []int32
	upTo      []uint64 // the sum of the weights up to each; nil when all are equal
}

func newField(endpoints []Endpoint) *field {
	f := &field{endpoints: endpoints, in: slices.Repeat([]bool{true}, len(endpoints)), rand: rand.Uint64N}
	f.now.Store(f.drawing())
	return f
}

func (f *field) drawing() *drawing {
	d, equal := &drawing{}, true
	for i, e := range f.endpoints {
		if f.in[i] {
			d.endpoints = append(d.endpoints, int32(i))
			equal = equal && e.Weight == f.endpoints[d.endpoints[0]].Weight
		}
	}
	if equal {
		return d
	}
	sum := uint64(0)
	for _, i := range d.endpoints {
		sum += uint64(f.endpoints[i].Weight)
		d.upTo = append(d.upTo, sum)
	}
	return d
}

// Set implements Picker.
func (f *field) Set(i int, in bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.in[i] != in {
		f.in[i] = in
		f.now.Store(f.drawing())
	}
}

// draw returns one of the drawing, which is not empty.
func (f *field) draw(d *drawing) int {
	if d.upTo == nil {
		return int(d.endpoints[f.rand(uint64(len(d.endpoints)))])
	}
	at, found := slices.BinarySearch(d.upTo, f.rand(d.upTo[len(d.upTo)-1]))
	if found { // the sum up to an endpoint is where the next one begins
		at++
	}
	return int(d.endpoints[at])
}

// drawAllowed returns one that is not excluded, or -1.
func (f *field) drawAllowed(d *drawing, excluded Excluder) int {
	if len(d.endpoints) == 0 {
		return -1
	}
	if excluded == nil {
		return f.draw(d)
	}
	for range 4 {
		if i := f.draw(d); !excluded.Excluded(i) {
			return i
		}
	}
	return f.drawRest(d, excluded)
}

// drawRest looks at all: few are allowed.
func (f *field) drawRest(d *drawing, excluded Excluder) int {
	sum, picked := uint64(0), -1
	for _, i := range d.endpoints {
		if excluded.Excluded(int(i)) {
			continue
		}
		weight := uint64(f.endpoints[i].Weight)
		sum += weight
		if f.rand(sum) < weight { // each stays with its weight's share of what was seen
			picked = int(i)
		}
	}
	return picked
}
