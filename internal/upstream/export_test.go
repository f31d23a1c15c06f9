package upstream

import (
	"context"
	"errors"
	"time"
)

// RetryBreakers ends the timeouts of open breakers.
func RetryBreakers(u *Upstream) {
	for _, e := range u.set().endpoints {
		e.breaker.Retry(time.Now())
		e.changed()
	}
}

// Picks counts which endpoints requests would go to.
func Picks(u *Upstream, n int) map[string]int {
	counts := map[string]int{}
	for range n {
		call := u.Begin()
		if call.pick() {
			counts[call.endpoint.name]++
		}
		call.End()
	}
	return counts
}

// Fail counts a failed request to an endpoint.
func Fail(u *Upstream, name string) {
	for _, e := range u.set().endpoints {
		if e.name == name {
			a := attempt{upstream: u, endpoint: e, ctx: context.Background()}
			a.judge(nil, errors.New("failed"), time.Now())
		}
	}
}

// Replace makes these the endpoints.
func Replace(u *Upstream, list []EndpointSettings) error { return u.replace(list) }

// NextLookup is when a name is looked up again.
func NextLookup(failures int, interval, ttl time.Duration) time.Duration {
	return (&name{lookups: &lookups{failures: failures}}).again(interval, ttl)
}
