package plugin

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A crash loop is a plugin whose instances fail as fast as they are replaced. Then the breaker opens: no new request enters
// guest code, the failure policy answers at once, and after a pause one request is tried.

// Breaker says when a plugin that keeps failing is left alone. Zero fields stand for the defaults.
type Breaker struct {
	// Disabled lets requests into the plugin whatever happens.
	Disabled bool
	// Failures of instances within Window open the breaker: traps, time limits, and starts that fail. Default: one more than
	// the plugin has instances, and at least 5: then fresh instances fail as well, and not only those that a bad request met.
	Failures int
	// Window: default 30s, in which a single instance that fails at once is replaced six times.
	Window time.Duration
	// Timeout is for how long the breaker stays open, before one request is tried. It doubles with each time that the breaker
	// opens again, until it was closed for as long as Window, up to MaxTimeout. Defaults: 1s and 30s, as the pauses between the
	// replacements of an instance.
	Timeout, MaxTimeout time.Duration
}

// leastFailures is the least that opens a breaker by default.
const leastFailures = 5

func (b Breaker) orDefaults(instances int) Breaker {
	if b.Failures == 0 {
		b.Failures = max(leastFailures, instances+1)
	}
	if b.Window == 0 {
		b.Window = maxBackoff
	}
	if b.Timeout == 0 {
		b.Timeout = 2 * firstBackoff
	}
	if b.MaxTimeout == 0 {
		b.MaxTimeout = maxBackoff
	}
	b.MaxTimeout = max(b.MaxTimeout, b.Timeout)
	return b
}

// BreakerState is the state of a plugin's breaker; the numbers are those of the metric.
type BreakerState int32

// The states of a breaker.
const (
	BreakerClosed   BreakerState = iota // requests enter the plugin
	BreakerHalfOpen                     // one request is tried, the others are refused
	BreakerOpen                         // requests are refused
)

// String is the word that the admin API and the events have.
func (s BreakerState) String() string { return [...]string{"closed", "half_open", "open"}[s] }

// ErrBreakerOpen is a plugin that keeps failing, so that no request is let into it for a while.
var ErrBreakerOpen = fmt.Errorf("%w: its circuit breaker is open", ErrUnavailable)

// breaker is the state machine. Who holds a permit other than 0 is the request that is tried, and says how it went.
type breaker struct {
	settings Breaker
	trial    time.Duration // after that a request that is tried counts as well, though it has not ended
	state    atomic.Int32
	openings atomic.Int64
	refused  atomic.Int64

	mu       sync.Mutex
	failures []time.Time   // the last ones
	inARow   int           // openings without a long time between them
	until    time.Time     // open: when one request is tried
	pause    time.Duration // until then, from the beginning
	closed   time.Time     // when it closed
	permit   uint64        // of the request that is tried; 0 without
	tried    time.Time     // when that began
	permits  uint64
	reason   string // the last failure
}

func newBreaker(s Spec) *breaker {
	b := &breaker{settings: s.Breaker}
	b.trial = b.settings.Timeout + s.callTimeout()
	return b
}

// admit asks to let a request in.
func (b *breaker) admit(now func() time.Time) (permit uint64, changed, ok bool) {
	if BreakerState(b.state.Load()) == BreakerClosed {
		return 0, false, true
	}
	return b.admitOne(now())
}

func (b *breaker) admitOne(now time.Time) (permit uint64, changed, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch state := BreakerState(b.state.Load()); {
	case state == BreakerClosed:
		return 0, false, true
	case state == BreakerOpen && now.Before(b.until), state == BreakerHalfOpen && b.permit != 0 && now.Sub(b.tried) < b.trial:
		b.refused.Add(1)
		return 0, false, false
	case state == BreakerHalfOpen && b.permit != 0: // a long request goes well
		b.close(now)
		return 0, true, true
	default:
		b.state.Store(int32(BreakerHalfOpen))
		b.permits++
		b.permit, b.tried = b.permits, now
		return b.permit, state == BreakerOpen, true
	}
}

// settle says that a request which was tried has ended well.
func (b *breaker) settle(permit uint64, now time.Time) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if permit != b.permit {
		return false
	}
	b.close(now)
	return true
}

// withdraw gives a permit back that could not be used: no instance was there.
func (b *breaker) withdraw(permit uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if permit != 0 && permit == b.permit {
		b.permit = 0
	}
}

// fail counts the failure of an instance, and reports whether it opened the breaker.
func (b *breaker) fail(reason string, now time.Time) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch BreakerState(b.state.Load()) {
	case BreakerOpen:
		return false
	case BreakerHalfOpen:
		b.open(reason, now)
		return true
	}
	if b.settings.Disabled {
		return false
	}
	if b.failures = append(b.failures, now); len(b.failures) > b.settings.Failures {
		b.failures = b.failures[1:]
	}
	if len(b.failures) < b.settings.Failures || now.Sub(b.failures[0]) > b.settings.Window {
		return false
	}
	if now.Sub(b.closed) > b.settings.Window {
		b.inARow = 0
	}
	b.open(reason, now)
	return true
}

// open runs under the lock, as does close.
func (b *breaker) open(reason string, now time.Time) {
	b.pause = min(b.settings.Timeout<<min(b.inARow, 20), b.settings.MaxTimeout)
	b.inARow++
	b.reason, b.until, b.permit, b.failures = reason, now.Add(b.pause), 0, nil
	b.openings.Add(1)
	b.state.Store(int32(BreakerOpen))
}

func (b *breaker) close(now time.Time) {
	b.permit, b.closed = 0, now
	b.state.Store(int32(BreakerClosed))
}

// current is the state now: one that would let a request in is half-open, whether there is one or not. left is for how long it
// stays open.
func (b *breaker) current(now time.Time) (state BreakerState, reason string, left time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	state = BreakerState(b.state.Load())
	switch {
	case state == BreakerClosed:
		return state, "", 0
	case state == BreakerOpen && now.Before(b.until):
		return state, b.reason, b.until.Sub(now)
	}
	return BreakerHalfOpen, b.reason, 0
}

// lastPause is for how long it opened the last time.
func (b *breaker) lastPause() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pause
}
