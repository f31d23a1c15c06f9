package upstream

import "time"

// RetryBreakers ends the timeouts of open breakers.
func RetryBreakers(u *Upstream) {
	for _, e := range u.endpoints {
		e.breaker.Retry(time.Now())
		e.changed()
	}
}
