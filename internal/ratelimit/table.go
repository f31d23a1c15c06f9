package ratelimit

import "math/bits"

const (
	// firstSlots is the size of a table with its first key.
	firstSlots = 16
	// lookedAt is how many slots are looked at to find a key that can go.
	lookedAt = 64
)

// table maps hashes of keys to the times at which their buckets are full again. It is open addressing with linear probing over
// one array without pointers: 16 bytes a slot with one limit, and nothing that the garbage collector would look into. A key is
// its hash, so an empty slot is 0. It is not safe for concurrent use.
type table struct {
	words  []int64 // slots of a hash and its times
	stride int
	slots  int
	keys   int
	hand   int // where the search for keys that can go was left
	// evicted counts the keys that were forgotten although their buckets were not full.
	evicted uint64
}

// times finds the times of a key; a key that is not there is put there, full. The table holds most keys: when it has so many,
// another one goes.
func (t *table) times(hash uint64, now int64, most int) []int64 {
	hash = max(hash, 1)
	if t.slots > 0 {
		if at, ok := t.find(hash); ok {
			return t.at(at)
		}
	}
	t.makeRoom(now, max(1, most))
	at, _ := t.find(hash)
	t.words[at*t.stride] = int64(hash)
	t.keys++
	times := t.at(at)
	clear(times)
	return times
}

// home is the slot where the search for a hash begins. The highest bits have picked the table already.
func (t *table) home(hash uint64) int {
	high, _ := bits.Mul64(hash<<shardBits, uint64(t.slots))
	return int(high)
}

// find is the slot of a hash, or the empty one where it belongs. There always is an empty one.
func (t *table) find(hash uint64) (slot int, found bool) {
	for at := t.home(hash); ; {
		switch uint64(t.words[at*t.stride]) {
		case hash:
			return at, true
		case 0:
			return at, false
		}
		if at++; at == t.slots {
			at = 0
		}
	}
}

// at are the times of a slot.
func (t *table) at(slot int) []int64 {
	return t.words[slot*t.stride+1 : (slot+1)*t.stride]
}

// makeRoom sees to it that one more key fits.
func (t *table) makeRoom(now int64, most int) {
	for t.keys >= most { // more than once only after most has become less
		t.dropOne(now)
	}
	if t.keys < usable(t.slots) {
		return
	}
	old := *t
	live := 0
	for slot := range old.slots {
		if old.lasts(slot) > now {
			live++
		}
	}
	t.slots = min(max(firstSlots, 2*slotsFor(live+1)), slotsFor(most))
	t.words, t.keys, t.hand = make([]int64, t.slots*t.stride), 0, 0
	for slot := range old.slots {
		if old.lasts(slot) > now {
			t.insert(old.words[slot*t.stride : (slot+1)*t.stride])
		}
	}
}

// usable is how many keys a table of so many slots takes; slotsFor is the opposite.
func usable(slots int) int { return slots - slots/5 - min(slots, 1) }

func slotsFor(keys int) int { return keys + keys/4 + 2 }

func (t *table) insert(words []int64) {
	at, _ := t.find(uint64(words[0]))
	copy(t.words[at*t.stride:], words)
	t.keys++
}

// lasts is when the last bucket of a slot is full, which makes the key one that was never seen; 0 for an empty slot.
func (t *table) lasts(slot int) (last int64) {
	for _, full := range t.at(slot) {
		last = max(last, full)
	}
	return last
}

// dropOne removes a key whose buckets are full: nobody can tell. Where the hand looks is none, it is the one that is full
// soonest, which has least to gain; a client at its limit stays known.
func (t *table) dropOne(now int64) {
	var soonest int64
	drop := -1
	for range min(t.slots, lookedAt) {
		if t.hand++; t.hand >= t.slots {
			t.hand = 0
		}
		if t.words[t.hand*t.stride] == 0 {
			continue
		}
		if last := t.lasts(t.hand); drop < 0 || last < soonest {
			drop, soonest = t.hand, last
		}
		if soonest <= now {
			break
		}
	}
	if drop < 0 {
		return // empty slots only; the hand has moved on
	}
	if soonest > now {
		t.evicted++
	}
	t.remove(drop)
}

// remove empties a slot, and moves those behind it that could not be found any more.
func (t *table) remove(hole int) {
	t.keys--
	for at := hole; ; {
		if at++; at == t.slots {
			at = 0
		}
		hash := uint64(t.words[at*t.stride])
		if hash == 0 {
			break
		}
		if t.distance(t.home(hash), at) >= t.distance(hole, at) {
			copy(t.words[hole*t.stride:(hole+1)*t.stride], t.words[at*t.stride:(at+1)*t.stride])
			hole = at
		}
	}
	clear(t.words[hole*t.stride : (hole+1)*t.stride])
}

// distance is how many slots lie between two, forwards.
func (t *table) distance(from, to int) int {
	if to < from {
		to += t.slots
	}
	return to - from
}
