package ratelimit

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	// shardBits is how many bits of a hash pick the shard.
	shardBits = 6
	shards    = 1 << shardBits

	// DefaultMaxKeys is how many keys a Memory knows at most.
	DefaultMaxKeys = 1_000_000
	// MinMaxKeys is the least that can be asked for: keys do not spread evenly.
	MinMaxKeys = 1000
)

// Memory counts in this process. A key whose buckets are full again takes no room for long, and a known key costs no
// allocation. It is safe for concurrent use.
//
// Keys are told apart by 64 bits of a hash whose seed is the process's own: among a million keys the chance that any two count
// as one is 1 in 37 million, and nobody outside can look for two that do.
type Memory struct {
	seed   maphash.Seed
	now    func() int64
	shards [shards]shard
}

type shard struct {
	mu    sync.Mutex
	table table
	_     [64]byte // shards do not share cache lines
}

// NewMemory makes a store for keys with n limits.
func NewMemory(n int) *Memory {
	began := time.Now()
	return newMemory(n, func() int64 { return int64(time.Since(began)) })
}

// newMemory takes its time in nanoseconds from a clock that never goes back and begins at 0 or later.
func newMemory(n int, now func() int64) *Memory {
	m := &Memory{seed: maphash.MakeSeed(), now: now}
	for i := range m.shards {
		m.shards[i].table.stride = 1 + n
	}
	return m
}

// Take decides about one request of a key. The rules may be others than last time, but as many: what was used stays used.
// maxKeys bounds the memory; beyond it keys are forgotten, first those whose buckets are full again.
func (m *Memory) Take(key []byte, rules *Rules, maxKeys int) Decision {
	hash := maphash.Bytes(m.seed, key)
	s := &m.shards[hash>>(64-shardBits)]
	now := m.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	return rules.take(s.table.times(hash, now, maxKeys/shards), now)
}

// MemoryStats is what a Memory holds.
type MemoryStats struct {
	// Keys that are known; some may be full again.
	Keys int
	// Evicted is how many keys were forgotten that were not full, because there were too many.
	Evicted uint64
}

// Stats counts.
func (m *Memory) Stats() (stats MemoryStats) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		stats.Keys += s.table.keys
		stats.Evicted += s.table.evicted
		s.mu.Unlock()
	}
	return stats
}
