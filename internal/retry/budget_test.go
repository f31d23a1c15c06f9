package retry_test

import (
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/retry"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		settings       retry.BudgetSettings
		requests, want int
	}{
		"a share of many requests":   {retry.BudgetSettings{}, 1000, 200},
		"a few in any case":          {retry.BudgetSettings{}, 20, 100},
		"by the second, over window": {retry.BudgetSettings{Window: 30 * time.Second, MinPerSecond: 2}, 0, 60},
		"nothing but the share":      {retry.BudgetSettings{MinPerSecond: -1, Percent: 50}, 11, 5},
		"none without requests":      {retry.BudgetSettings{MinPerSecond: -1}, 4, 0},
		"as good as no bound":        {retry.BudgetSettings{MinPerSecond: 1_000_000_000}, 0, 2000},
		"as many as requests":        {retry.BudgetSettings{MinPerSecond: -1, Percent: 100}, 7, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, now := test.settings.WithDefaults(), time.Unix(1, 0)
			var b retry.Budget
			for range test.requests {
				b.Request(&s, now)
			}
			got := 0
			for range 2000 {
				if b.Retry(&s, now) {
					got++
				}
			}
			if got != test.want {
				t.Errorf("%d retries were allowed, want %d", got, test.want)
			}
			if now = now.Add(s.Window); s.MinPerSecond > 0 && !b.Retry(&s, now) {
				t.Error("none is allowed after a window")
			}
		})
	}
}

// FuzzBudget runs requests and retries at times of the fuzzer's choice. The definition allows a retry when those of the
// window are fewer than the share of the requests in it; what is in the oldest tenth may count or not.
func FuzzBudget(f *testing.F) {
	f.Add(uint8(20), uint8(3), []byte("rrrrrrrrrr\x00tttttttt\x50rrrttt\xfft"))
	f.Add(uint8(100), uint8(0), []byte("rtrtrt\xff\xffrt"))
	f.Fuzz(func(t *testing.T, percent, least uint8, steps []byte) {
		s := retry.BudgetSettings{Percent: 1 + int(percent)%100, MinPerSecond: int(least%8) - 1, Window: time.Second}.WithDefaults()
		floor := max(0, s.MinPerSecond)
		var b retry.Budget
		var requests, retries []time.Time
		now := time.Unix(1, 0)
		for i, step := range steps {
			switch old, new := now.Add(-s.Window), now.Add(-s.Window*9/10); {
			case step < 'A' || step > 'z': // time passes
				now = now.Add(time.Duration(step) * time.Millisecond)
			case step < 'm':
				b.Request(&s, now)
				requests = append(requests, now)
			case b.Retry(&s, now):
				if n, most := since(retries, new), max(floor, since(requests, old)*s.Percent/100); n >= most {
					t.Fatalf("step %d: one more than %d retries was allowed, and %d are the most", i, n, most)
				}
				retries = append(retries, now)
			default:
				if n, most := since(retries, old), max(floor, since(requests, new)*s.Percent/100); n < most {
					t.Fatalf("step %d: no more than %d retries were allowed, and there should be %d", i, n, most)
				}
			}
		}
	})
}

func since(events []time.Time, at time.Time) (n int) {
	for _, e := range events {
		if e.After(at) {
			n++
		}
	}
	return n
}

func TestBudgetSettings(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]retry.BudgetSettings{
		"percent": {Percent: 101}, "negative percent": {Percent: -1}, "short window": {Window: time.Millisecond},
		"long window": {Window: 2 * time.Hour}, "least": {MinPerSecond: -2},
	} {
		if s.Check() == nil {
			t.Errorf("%s: %+v is taken", name, s)
		}
	}
}
