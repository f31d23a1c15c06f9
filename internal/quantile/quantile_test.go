package quantile

import (
	"math"
	"testing"
)

func TestOf(t *testing.T) {
	t.Parallel()
	bounds := []float64{1, 2, 4}
	for _, test := range []struct {
		name   string
		q      float64
		counts []uint64
		want   float64
	}{
		{"nothing", 0.5, []uint64{0, 0, 0, 0}, 0},
		{"no bounds hold it", 0.5, []uint64{0, 0, 0, 9}, 4},
		{"half of one bucket", 0.5, []uint64{10, 0, 0, 0}, 0.5},
		{"all of one bucket", 1, []uint64{0, 10, 0, 0}, 2},
		{"over an empty bucket", 0.75, []uint64{2, 0, 2, 0}, 3},
		{"at the end of a bucket", 0.5, []uint64{2, 0, 2, 0}, 1},
		{"the tail", 0.99, []uint64{98, 0, 0, 2}, 4},
		{"just below the tail", 0.98, []uint64{98, 0, 0, 2}, 1},
	} {
		if got := Of(test.q, bounds, test.counts); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
