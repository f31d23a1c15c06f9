package health

import (
	"sync"
	"time"
)

// Status is what the probes of one endpoint have found out. It is safe for concurrent use; the zero value knows nothing.
// What is known outlives a change of the settings.
type Status struct {
	mu      sync.Mutex
	known   bool
	up      bool
	against int // results in a row that speak against up
	failure string
	at      time.Time // of the last result
}

// Report counts the result of a probe, and reports whether the endpoint went up or down by it. A first pass is enough
// for an endpoint that gets no traffic before; otherwise unknown endpoints count as up.
func (s *Status) Report(err error, settings *Settings, now time.Time) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = now
	if err != nil {
		s.failure = err.Error()
	}
	if !s.known && settings.InitiallyUnhealthy {
		s.known, s.up = err == nil, err == nil
		return s.known
	}
	if !s.known {
		s.known, s.up = true, true
	}
	if (err == nil) == s.up {
		s.against = 0
		return false
	}
	s.against++
	threshold := settings.UnhealthyThreshold
	if !s.up {
		threshold = settings.HealthyThreshold
	}
	if s.against < threshold {
		return false
	}
	s.up, s.against = !s.up, 0
	return true
}

// Up reports whether the endpoint gets traffic.
func (s *Status) Up(settings *Settings) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known {
		return !settings.InitiallyUnhealthy
	}
	return s.up
}

// Last is when the last probe ended, and the last failure; zero before the first.
func (s *Status) Last() (at time.Time, failure string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at, s.failure
}
