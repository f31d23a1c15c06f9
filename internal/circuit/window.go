package circuit

import "time"

// parts of a window; the oldest is forgotten as a whole.
const parts = 10

// window counts results over the last while.
type window struct {
	counts [parts]struct{ all, failed int }
	at     int       // the part that counts now
	begun  time.Time // when it began
}

func (w *window) add(failed bool, length time.Duration, now time.Time) {
	w.advance(max(length/parts, 1), now)
	w.counts[w.at].all++
	if failed {
		w.counts[w.at].failed++
	}
}

// advance forgets what is older than the window.
func (w *window) advance(part time.Duration, now time.Time) {
	steps := now.Sub(w.begun) / part
	if w.begun.IsZero() || steps >= parts {
		*w = window{begun: now}
		return
	}
	for range steps {
		w.at = (w.at + 1) % parts
		w.counts[w.at] = struct{ all, failed int }{}
		w.begun = w.begun.Add(part)
	}
}

// exceeds reports whether so many percent of at least so many results are failures.
func (w *window) exceeds(percent, least int) bool {
	all, failed := 0, 0
	for _, c := range w.counts {
		all += c.all
		failed += c.failed
	}
	return all >= least && failed*100 >= percent*all
}
