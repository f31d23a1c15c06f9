// Package rolling keeps numbers of the last while: what is old is forgotten.
package rolling

import "time"

// parts of a window; the oldest is forgotten as a whole.
const parts = 10

// Window keeps a T for each tenth of a length of time. The zero value is empty.
type Window[T any] struct {
	tenths [parts]T
	at     int       // the tenth of this moment
	begun  time.Time // when it began
}

// Now is the T of this moment, after what is older than the length was forgotten.
func (w *Window[T]) Now(length time.Duration, now time.Time) *T {
	part := max(length/parts, 1)
	steps := now.Sub(w.begun) / part
	if w.begun.IsZero() || steps >= parts {
		*w = Window[T]{begun: now}
		return &w.tenths[w.at]
	}
	for range steps {
		w.at = (w.at + 1) % parts
		clear(w.tenths[w.at : w.at+1])
		w.begun = w.begun.Add(part)
	}
	return &w.tenths[w.at]
}

// All are the Ts of the last while, in no order.
func (w *Window[T]) All() []T { return w.tenths[:] }
