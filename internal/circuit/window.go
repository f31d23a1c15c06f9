package circuit

import (
	"time"

	"github.com/loom-gateway/loom/internal/rolling"
)

// window counts results over the last while.
type window struct {
	counts rolling.Window[struct{ all, failed int }]
}

func (w *window) add(failed bool, length time.Duration, now time.Time) {
	c := w.counts.Now(length, now)
	c.all++
	if failed {
		c.failed++
	}
}

// exceeds reports whether so many percent of at least so many results are failures.
func (w *window) exceeds(percent, least int) bool {
	all, failed := 0, 0
	for _, c := range w.counts.All() {
		all += c.all
		failed += c.failed
	}
	return all >= least && failed*100 >= percent*all
}
