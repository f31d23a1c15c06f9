package balance_test

import (
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/balance"
)

func TestRamp(t *testing.T) {
	t.Parallel()
	const window = 10 * time.Second
	now := time.Unix(1_700_000_000, 0)
	clock := func() time.Time { return now }
	var ramp balance.Ramp
	if ramp.Climbing(window, clock) {
		t.Error("a ramp that nobody began")
	}
	ramp.Begin(now)
	for _, c := range []struct {
		after time.Duration
		want  int // of 100
	}{{0, 10}, {500 * time.Millisecond, 10}, {3 * time.Second, 30}, {5 * time.Second, 50}, {9 * time.Second, 90}} {
		at, taken := now.Add(c.after), 0
		for range 100 {
			if ramp.Take(window, at) {
				taken++
			}
		}
		if taken < c.want-1 || taken > c.want+1 {
			t.Errorf("%s into the ramp: %d of 100, want %d", c.after, taken, c.want)
		}
	}
	if !ramp.Climbing(window, clock) {
		t.Error("the ramp has ended before its time")
	}
	now = now.Add(window)
	if ramp.Climbing(window, clock) {
		t.Error("the ramp has no end")
	}
}
