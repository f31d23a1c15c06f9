package loomadapter

import (
	"time"

	"github.com/loom-gateway/loom/internal/retry"
)

// routeRetries checks what a route says about sending requests to its upstream.
func (v *validator) routeRetries(r *Route) {
	if r.Upstream == "" && r.Retries != nil {
		v.errorf(r.Pos.key("retries"), "retries are for routes with an upstream: remove the key")
	}
	if r.Upstream == "" && r.StreamIdleTimeout != 0 {
		v.errorf(r.Pos.key("stream_idle_timeout"), "stream_idle_timeout is for routes with an upstream: remove the key")
	}
	v.retries(r.Retries)
	if p := r.Retries; p != nil && r.Timeout > 0 && p.PerTryTimeout > r.Timeout {
		v.errorf(p.Pos.key("per_try_timeout"), "%s is longer than the route's timeout of %s, so no try ever ends by it: write a shorter one",
			time.Duration(p.PerTryTimeout), time.Duration(r.Timeout))
	}
}

func (v *validator) retries(r *Retries) {
	if r == nil {
		return
	}
	if n := r.Attempts; n < 0 || n > retry.MaxAttempts || n == 0 && r.Pos.has("attempts") {
		v.errorf(r.Pos.key("attempts"), "%d: write how many tries may follow the first, from 1 to %d, or switch retries off", n, retry.MaxAttempts)
	}
	for _, text := range r.On {
		if err := retry.CheckCondition(text); err != nil {
			v.errorf(r.Pos.key("on"), "%v", err)
		}
	}
	for _, method := range r.Methods {
		if err := retry.CheckMethod(method); err != nil {
			v.errorf(r.Pos.key("methods"), "%v", err)
		}
	}
	if r.BodyLimit > retry.MaxBodyLimit {
		v.errorf(r.Pos.key("body_limit"), "a body that is kept is in memory: write a size up to 64MiB")
	}
	if b := r.Backoff; b != nil && b.Max > 0 && b.Base > b.Max {
		v.errorf(b.Pos.key("base"), "%s is longer than max: write a shorter one", time.Duration(b.Base))
	}
}

func (v *validator) retryBudget(b *RetryBudget) {
	if b == nil {
		return
	}
	v.percent(b.Pos, "percent", b.Percent)
	if w := time.Duration(b.Window); w != 0 && (w < time.Second || w > time.Hour) {
		v.errorf(b.Pos.key("window"), "%s: write a time from 1s to 1h", w)
	}
	if b.MinPerSecond < -1 {
		v.errorf(b.Pos.key("min_per_second"), "%d: write a number, or -1 for none", b.MinPerSecond)
	}
}
