package upstream

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/quantile"
)

// durationBounds are the upper bounds of a histogram's buckets, as Prometheus' own defaults and finer below: a gateway
// adds microseconds, and backends that are near answer within a millisecond.
func durationBounds() [14]time.Duration {
	const ms = time.Millisecond
	return [...]time.Duration{
		ms / 2, ms, 5 * ms / 2, 5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms,
		time.Second, 2500 * ms, 5 * time.Second, 10 * time.Second,
	}
}

// histogram counts durations. It is safe for concurrent use.
type histogram struct {
	buckets [15]atomic.Uint64 // the last one is for all that is longer
	nanos   atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i, bounds := 0, durationBounds()
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.nanos.Add(int64(d))
}

// Durations are how long responses took to begin.
type Durations struct {
	Count uint64
	Sum   time.Duration
	// UpTo counts those that took at most so many seconds.
	UpTo map[float64]uint64
}

// Quantile is the time within which the share q of the responses began, as far as the buckets tell.
func (d Durations) Quantile(q float64) time.Duration {
	bounds, counts, below := slices.Sorted(maps.Keys(d.UpTo)), []uint64{}, uint64(0)
	for _, bound := range bounds {
		counts = append(counts, d.UpTo[bound]-below)
		below = d.UpTo[bound]
	}
	return time.Duration(quantile.Of(q, bounds, append(counts, d.Count-below)) * float64(time.Second))
}

func (h *histogram) read() Durations {
	d := Durations{Sum: time.Duration(h.nanos.Load()), UpTo: map[float64]uint64{}}
	for i, bound := range durationBounds() {
		d.Count += h.buckets[i].Load()
		d.UpTo[bound.Seconds()] = d.Count
	}
	d.Count += h.buckets[len(h.buckets)-1].Load()
	return d
}
