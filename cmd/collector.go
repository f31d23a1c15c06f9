package cmd

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// spareHeap may be allocated between two collections however little is in use: a gateway without plugins has some 20 MB in
	// use, and would collect for every 20 MB of requests.
	spareHeap = 64 << 20
	// standardPercent is Go's own; it takes over where more than spareHeap is in use.
	standardPercent = 100
	// mostPercent bounds what is set at the start, when nearly nothing is in use.
	mostPercent = 1000
)

// TuneCollector makes collections rarer while the heap is small. It leaves alone who has set GOGC or GOMEMLIMIT. Memory grows by
// spareHeap at most, whatever plugins use.
func TuneCollector() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	c := collector{percent: standardPercent}
	c.adjust(heapInUse())
	c.afterNext()
}

// collector follows the heap: what is collected changes how soon the next collection is due.
type collector struct{ percent int }

// afterNext adjusts after the next collection, and after each one that follows.
func (c *collector) afterNext() {
	runtime.SetFinalizer(&marker{}, func(*marker) {
		c.adjust(heapInUse())
		c.afterNext()
	})
}

// marker is collected with the next collection. It has a size, so that it stands alone.
type marker struct{ _ [64]byte }

// adjust sets the percentage, if it has changed by enough to be worth stopping the world.
func (c *collector) adjust(inUse uint64) {
	percent := percentFor(inUse)
	if difference := percent - c.percent; difference*difference*100 < c.percent*c.percent {
		return
	}
	c.percent = percent
	debug.SetGCPercent(percent)
}

// percentFor is the GOGC by which spareHeap may be allocated on top of what is in use.
func percentFor(inUse uint64) int {
	percent := spareHeap * 100 / max(inUse, 1)
	return int(min(max(percent, standardPercent), mostPercent))
}

// heapInUse is what the last collection has left.
func heapInUse() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
