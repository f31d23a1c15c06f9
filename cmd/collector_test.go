package cmd

import "testing"

func TestPercentFor(t *testing.T) {
	for inUse, want := range map[uint64]int{
		0: mostPercent, 1 << 20: mostPercent, 16 << 20: 400, 32 << 20: 200, 64 << 20: 100, 4 << 30: 100,
	} {
		if got := percentFor(inUse); got != want {
			t.Errorf("%d bytes in use: %d, want %d", inUse, got, want)
		}
	}
}

// TestCollectorMovesByLeaps has small changes of the heap not stop the world.
func TestCollectorMovesByLeaps(t *testing.T) {
	t.Setenv("GOGC", "100") // nothing else tunes
	TuneCollector()
	c := collector{percent: 400}
	c.adjust(16<<20 + 1<<19)
	if c.percent != 400 {
		t.Errorf("the percentage is %d after a change of three hundredths", c.percent)
	}
}
