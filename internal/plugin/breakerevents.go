package plugin

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// BreakerEvent is a change of a plugin's breaker.
type BreakerEvent struct {
	Plugin string
	State  BreakerState
	// Reason is the failure that opened the breaker; empty when it is closed.
	Reason string
	// Pause is for how long it stays open.
	Pause time.Duration
}

// breakerWatch is who is told of changes: the running config. A plugin outlives configs, so it must not keep one.
type breakerWatch struct {
	current atomic.Pointer[func(BreakerEvent)]
}

// SetBreakerWatch makes f what is told of changes of the breaker, on goroutines of their own; nil tells nobody.
func (p *Plugin) SetBreakerWatch(f func(BreakerEvent)) { p.watch.current.Store(&f) }

// failed counts the failure of an instance.
func (p *Plugin) failed(cause error) {
	if p.breaker.fail(cause.Error(), time.Now()) {
		p.breakerChanged()
	}
}

// breakerChanged logs the state, and tells who watches.
func (p *Plugin) breakerChanged() {
	state, reason, pause := p.breaker.current(time.Now())
	if state == BreakerOpen {
		pause = p.breaker.lastPause()
	}
	log := p.log.get().With(zap.String("plugin", p.spec.Name), zap.Stringer("state", state))
	switch state {
	case BreakerOpen:
		log.Error("plugin circuit breaker opened: instances fail as fast as they are replaced", zap.String("failure_policy", string(p.spec.FailurePolicy)),
			zap.Duration("for", pause), zap.String("last_failure", reason))
	case BreakerHalfOpen:
		log.Info("plugin circuit breaker lets one request through")
	case BreakerClosed:
		log.Info("plugin circuit breaker closed")
	}
	if f := p.watch.current.Load(); f != nil && *f != nil {
		go (*f)(BreakerEvent{Plugin: p.spec.Name, State: state, Reason: reason, Pause: pause})
	}
}
