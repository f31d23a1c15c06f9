package ratelimit

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// reportInterval is how often a limiter reports that it refuses.
const reportInterval = 10 * time.Second

// refusals are those that were not reported yet.
type refusals struct {
	count atomic.Uint64
	last  atomic.Int64 // when the last report was, in nanoseconds since 1970
}

// due counts a refusal, and is how many there were since the last report if it is time for one.
func (f *refusals) due(now time.Time) (n uint64, due bool) {
	f.count.Add(1)
	last := f.last.Load()
	if now.UnixNano()-last < int64(reportInterval) || !f.last.CompareAndSwap(last, now.UnixNano()) {
		return 0, false
	}
	return f.count.Swap(0), true
}

// report writes a line and an event now and then: a client that floods must not flood the log. It names no key.
func (h *Handler) report(route string) {
	n, due := h.refusals.due(time.Now())
	if !due {
		return
	}
	message := "requests are over their rate limit"
	if !h.enforced {
		message = "requests would be over their rate limit"
	}
	h.log.Warn(message, zap.String("limiter", h.Name), zap.String("route", route), zap.Uint64("requests", n))
	h.app.EmitLimited(map[string]any{"limiter": h.Name, "route": route, "requests": n, "enforced": h.enforced})
}
