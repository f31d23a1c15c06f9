package ratelimit

import "time"

// Decision is what became of a request.
type Decision struct {
	// Allowed is whether the request keeps all limits. One that does not costs nothing.
	Allowed bool
	// Strictest is the index of the limit that the client should know of: of those that refuse, the one that does so longest,
	// or else the one with the fewest requests left.
	Strictest int
	// Limits are the states of the limits after the decision, in the order of the rules.
	Limits [MaxLimits]State
}

// State is how one limit of a key stands.
type State struct {
	// Remaining is how many requests would pass now.
	Remaining int64
	// Reset is the time until Burst requests would pass again.
	Reset time.Duration
	// RetryAfter is the time until one request would pass; 0 when one would pass now.
	RetryAfter time.Duration
}

// decision is made of what the buckets lack after it: the time that each takes to be full.
func (r *Rules) decision(allowed bool, lacks *[MaxLimits]time.Duration) Decision {
	d := Decision{Allowed: allowed}
	for i := range r.n {
		d.Limits[i] = r.rules[i].state(lacks[i])
		if d.Limits[i].stricter(d.Limits[d.Strictest]) {
			d.Strictest = i
		}
	}
	return d
}

func (r rule) state(lack time.Duration) State {
	return State{
		Remaining:  int64((r.full - lack) / r.interval),
		Reset:      lack,
		RetryAfter: max(0, lack+r.interval-r.full),
	}
}

func (s State) stricter(than State) bool {
	if s.RetryAfter != than.RetryAfter {
		return s.RetryAfter > than.RetryAfter
	}
	return s.Remaining < than.Remaining
}

// take decides about one request at a time, and moves the times at which the buckets are full if it is allowed. A time that
// lies further ahead than a bucket takes to fill was stored under other limits: the bucket is empty, not more.
func (r *Rules) take(full []int64, now int64) Decision {
	var lacks [MaxLimits]time.Duration
	allowed := true
	for i := range r.n {
		rule := &r.rules[i]
		lacks[i] = min(max(0, time.Duration(full[i]-now)), rule.full)
		allowed = allowed && lacks[i]+rule.interval <= rule.full
	}
	if allowed {
		for i := range r.n {
			lacks[i] += r.rules[i].interval
			full[i] = now + int64(lacks[i])
		}
	}
	return r.decision(allowed, &lacks)
}
