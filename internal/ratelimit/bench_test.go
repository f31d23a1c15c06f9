package ratelimit

import (
	"encoding/binary"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/redis/redistest"
)

func BenchmarkMemory(b *testing.B) {
	one := Limit{Rate: 10, Per: time.Second}
	for _, bm := range []struct {
		name   string
		limits []Limit
		keys   uint64
	}{
		{"one key", []Limit{one}, 1},
		{"a million keys", []Limit{one}, 1_000_000},
		{"two limits", []Limit{one, {Rate: 1000, Per: time.Hour}}, 1_000_000},
	} {
		b.Run(bm.name, func(b *testing.B) {
			m, r := NewMemory(len(bm.limits)), rules(b, bm.limits...)
			key := make([]byte, 16)
			for i := range bm.keys {
				binary.LittleEndian.PutUint64(key, i)
				m.Take(key, r, DefaultMaxKeys)
			}
			b.ReportAllocs()
			var goroutines atomic.Uint64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				key, i := make([]byte, 16), goroutines.Add(1)<<32
				for pb.Next() {
					i = i*6364136223846793005 + 1442695040888963407
					binary.LittleEndian.PutUint64(key, (i>>20)%bm.keys)
					m.Take(key, r, DefaultMaxKeys)
				}
			})
		})
	}
}

// BenchmarkFlood is a new key in each request, at the bound.
func BenchmarkFlood(b *testing.B) {
	m, r := NewMemory(1), rules(b, Limit{Rate: 1, Per: time.Hour})
	key := make([]byte, 16)
	for i := range uint64(DefaultMaxKeys) {
		binary.LittleEndian.PutUint64(key, i)
		m.Take(key, r, DefaultMaxKeys)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		binary.LittleEndian.PutUint64(key[8:], uint64(i)+1)
		m.Take(key, r, DefaultMaxKeys)
	}
}

// BenchmarkBytesPerKey reports what a key takes, table and slack included.
func BenchmarkBytesPerKey(b *testing.B) {
	for name, limits := range map[string][]Limit{
		"one limit":  {{Rate: 1, Per: time.Hour}},
		"two limits": {{Rate: 1, Per: time.Hour}, {Rate: 1, Per: time.Hour}},
	} {
		b.Run(name, func(b *testing.B) {
			r := rules(b, limits...)
			for range b.N {
				before := heapBytes()
				m := NewMemory(len(limits))
				var key [8]byte
				for i := range uint64(DefaultMaxKeys) {
					binary.LittleEndian.PutUint64(key[:], i)
					m.Take(key[:], r, DefaultMaxKeys)
				}
				b.ReportMetric(float64(heapBytes()-before)/float64(m.Stats().Keys), "B/key")
			}
		})
	}
}

func heapBytes() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func BenchmarkRedis(b *testing.B) {
	store := NewRedis(RedisOptions{Address: redistest.Start(b).Addr, Timeout: 5 * time.Second})
	defer store.Close()
	r := rules(b, Limit{Rate: 10, Per: time.Second})
	run := func(b *testing.B, next func() bool) {
		b.Helper()
		key := make([]byte, 8)
		for i := uint64(0); next(); i++ {
			binary.LittleEndian.PutUint64(key, i%10_000)
			if _, err := store.Take("bench", key, r); err != nil {
				b.Error(err)
				return
			}
		}
	}
	b.Run("one at a time", func(b *testing.B) { b.ReportAllocs(); run(b, b.Loop) })
	b.Run("32 at a time", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) { run(b, pb.Next) })
	})
}
