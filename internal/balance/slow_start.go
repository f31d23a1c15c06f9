package balance

import (
	"sync/atomic"
	"time"
)

// firstShare is where a ramp begins, in thousandths of the endpoint's share.
const firstShare = 100

// Ramp gives an endpoint that came back a share that grows from a tenth to all of what is its own. It is safe for
// concurrent use; the zero value is at the top.
type Ramp struct {
	begun  atomic.Int64 // in Unix nanoseconds; 0: at the top
	credit atomic.Int64 // thousandths of a request that it was passed over for
}

// Begin puts the endpoint at the foot.
func (r *Ramp) Begin(now time.Time) {
	r.credit.Store(0)
	r.begun.Store(now.UnixNano())
}

// Climbing reports whether the endpoint has not reached the top of a ramp that lasts so long.
func (r *Ramp) Climbing(window time.Duration, now func() time.Time) bool {
	begun := r.begun.Load()
	if begun == 0 {
		return false
	}
	if now().UnixNano()-begun < int64(window) {
		return true
	}
	r.begun.CompareAndSwap(begun, 0)
	return false
}

// Take reports whether the endpoint takes a request that would be its own. The requests that it takes are spread evenly
// over those that it is passed over for.
func (r *Ramp) Take(window time.Duration, now time.Time) bool {
	share := int64(1000)
	if window > 0 {
		elapsed := max(0, now.UnixNano()-r.begun.Load())
		share = min(1000, max(firstShare, int64(float64(elapsed)/float64(window)*1000)))
	}
	if r.credit.Add(share) < 1000 {
		return false
	}
	r.credit.Add(-1000)
	return true
}
