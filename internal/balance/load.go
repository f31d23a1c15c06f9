package balance

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// memory is how long a latency counts: after so long it has lost two thirds of its weight.
const memory = 10 * time.Second

// Load is how busy one endpoint is. It is safe for concurrent use, and may be shared by several pickers.
type Load struct {
	inFlight atomic.Int64

	mu      sync.Mutex
	latency float64   // in nanoseconds; 0 before the first
	seen    time.Time // when latency was last true
}

// Begin counts a request in.
func (l *Load) Begin() { l.inFlight.Add(1) }

// End counts it out.
func (l *Load) End() { l.inFlight.Add(-1) }

// InFlight are the requests between Begin and End.
func (l *Load) InFlight() int64 { return l.inFlight.Load() }

// Observe learns how long a response took. A slower one than expected counts at once, faster ones bit by bit: an
// endpoint that gets slow is found out by its first request, and one slow answer is forgiven within seconds.
func (l *Load) Observe(took time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, sample := l.fade(now), max(float64(took), 1)
	if sample < old {
		weight := fading(now.Sub(l.seen))
		sample = l.latency*weight + sample*(1-weight)
	}
	l.latency, l.seen = sample, now
}

// Latency is what to expect of the next request. An endpoint that was slow and is not asked any more is expected to get
// better, or it would never be asked again. 0: nothing is known.
func (l *Load) Latency(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(l.fade(now))
}

func (l *Load) fade(now time.Time) float64 { return l.latency * fading(now.Sub(l.seen)) }

func fading(age time.Duration) float64 { return math.Exp(-float64(max(age, 0)) / float64(memory)) }
