package rolling_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/rolling"
)

// TestWindow counts random events, and compares with a list of all of them: what happened in the last nine tenths counts,
// and what is older than the whole does not.
func TestWindow(t *testing.T) {
	t.Parallel()
	const length = 10 * time.Second
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 1))
		var w rolling.Window[int]
		var events []time.Time
		now := time.Unix(1, 0)
		for step := range 300 {
			now = now.Add(time.Duration(random.Int64N(int64(length) / (1 + random.Int64N(40)))))
			*w.Now(length, now)++
			events = append(events, now)
			got := 0
			for _, n := range w.All() {
				got += n
			}
			if least, most := since(events, now.Add(-length*9/10)), since(events, now.Add(-length)); got < least || got > most {
				t.Fatalf("seed %d, step %d: %d, want from %d to %d", seed, step, got, least, most)
			}
		}
	}
}

func since(events []time.Time, at time.Time) (n int) {
	for _, e := range events {
		if e.After(at) {
			n++
		}
	}
	return n
}
