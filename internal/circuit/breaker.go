// Package circuit is a circuit breaker: a state machine that stops requests to what keeps failing.
//
//	        failures in a row, or too high a share
//	closed ─────────────────────────────────────────▶ open ◀─┐
//	   ▲                                               │      │
//	   │ enough probes succeed                 timeout │      │ a probe fails
//	   └────────────────────────── half-open ◀─────────┘      │
//	                                   └──────────────────────┘
package circuit

import (
	"sync"
	"sync/atomic"
	"time"
)

// State of a breaker; the numbers are those of the metric.
type State int32

// The states of a breaker.
const (
	Closed   State = iota // requests pass
	HalfOpen              // a few requests are tried
	Open                  // requests are refused
)

// String is the word that people read.
func (s State) String() string { return [...]string{"closed", "half_open", "open"}[s] }

// Outcome of a request.
type Outcome int

// The outcomes of a request. Ignored says nothing about the other side, such as a client that left.
const (
	Success Outcome = iota
	Failure
	Ignored
)

// Breaker is one state machine. It is safe for concurrent use; the zero value is closed. Every call brings the settings
// and the time: what is known outlives a change of the settings.
type Breaker struct {
	// word is the state in the lowest two bits, and the generation above them.
	word     atomic.Uint64
	failures atomic.Int64 // in a row, while it is closed

	mu        sync.Mutex
	successes int       // while it is half-open
	probes    int       // half-open: those that have not ended
	probed    time.Time // when the last of them began
	until     time.Time // open: when probes are let through
	openings  uint64
	window    window
}

// Permit is the right to send one request. It is given back with Done, and a second time with Failure when the answer
// breaks off that was a success at first.
type Permit struct{ generation uint64 }

// Change is from one state to another; no change when they are equal.
type Change struct{ From, To State }

// Happened reports whether the state is another one.
func (c Change) Happened() bool { return c.From != c.To }

// State is the current state. A breaker whose timeout is over stays open until a request asks.
func (b *Breaker) State() State { return State(b.word.Load() & 3) }

// Until is when an open breaker lets probes through.
func (b *Breaker) Until() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until
}

// Openings is how often it has opened.
func (b *Breaker) Openings() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.openings
}

// Refuses reports whether Allow would refuse for a known time, without a change: the breaker is open.
func (b *Breaker) Refuses(now time.Time) bool {
	return b.State() == Open && now.Before(b.Until())
}

// Allow asks to send a request. Without a permit nothing is sent, and Done is not called.
func (b *Breaker) Allow(s *Settings, now func() time.Time) (p Permit, c Change, ok bool) {
	if word := b.word.Load(); State(word&3) == Closed {
		return Permit{word >> 2}, Change{}, true
	}
	return b.probe(s, now())
}

func (b *Breaker) probe(s *Settings, now time.Time) (p Permit, c Change, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch state := b.State(); {
	case state == Closed:
		return b.permit(), Change{}, true
	case state == Open && now.Before(b.until):
		return p, c, false
	case state == Open:
		c = b.become(HalfOpen)
	case b.probes >= s.Probes && now.Sub(b.probed) < s.Timeout:
		return p, c, false
	case b.probes >= s.Probes: // those that hang do not keep it half-open for ever
		b.probes = 0
	}
	b.probes++
	b.probed = now
	return b.permit(), c, true
}

func (b *Breaker) permit() Permit { return Permit{b.word.Load() >> 2} }

// Done says how the request went. What was sent in an earlier state says nothing about this one, and is left out.
func (b *Breaker) Done(p Permit, o Outcome, s *Settings, now func() time.Time) Change {
	if o == Success && s.FailureRate == 0 && b.failures.Load() == 0 && b.State() == Closed {
		return Change{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p != b.permit() {
		return Change{}
	}
	if b.State() == HalfOpen {
		return b.probeDone(o, s, now())
	}
	return b.closedDone(o, s, now())
}

func (b *Breaker) closedDone(o Outcome, s *Settings, now time.Time) Change {
	switch o {
	case Ignored:
		return Change{}
	case Success:
		b.failures.Store(0)
	case Failure:
		b.failures.Add(1)
	}
	if s.FailureRate > 0 {
		b.window.add(o == Failure, s.Window, now)
	}
	if b.failures.Load() >= int64(s.FailureThreshold) || s.FailureRate > 0 && b.window.exceeds(s.FailureRate, s.MinimumRequests) {
		return b.open(s, now)
	}
	return Change{}
}

func (b *Breaker) probeDone(o Outcome, s *Settings, now time.Time) Change {
	b.probes = max(0, b.probes-1)
	switch o {
	case Failure:
		return b.open(s, now)
	case Success:
		if b.successes++; b.successes >= s.SuccessThreshold {
			return b.become(Closed)
		}
	}
	return Change{}
}

func (b *Breaker) open(s *Settings, now time.Time) Change {
	b.until = now.Add(s.Timeout)
	b.openings++
	return b.become(Open)
}

// become begins another generation: what the last one counted is over.
func (b *Breaker) become(to State) Change {
	word := b.word.Load()
	b.word.Store((word>>2+1)<<2 | uint64(to))
	b.failures.Store(0)
	b.successes, b.probes, b.window = 0, 0, window{}
	return Change{State(word & 3), to}
}

// Retry ends the timeout of an open breaker: there is reason to believe that the other side is back.
func (b *Breaker) Retry(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.until) {
		b.until = now
	}
}
