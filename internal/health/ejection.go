package health

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Passive says when an endpoint whose requests fail is left alone for a while. Zero fields stand for the defaults.
type Passive struct {
	// Failures in a row eject an endpoint. Default: 5.
	Failures int
	// EjectionTime of the first ejection; each further one is longer by as much. An endpoint that does well for as long
	// is forgiven one. Default: 30s.
	EjectionTime time.Duration
	// MaxEjectionTime bounds it. Default: 5m.
	MaxEjectionTime time.Duration
	// MaxEjected is the most endpoints of an upstream that are ejected at a time, in percent. Default: 50.
	MaxEjected int
}

// Defaults of Passive.
const (
	DefaultFailures        = 5
	DefaultEjectionTime    = 30 * time.Second
	DefaultMaxEjectionTime = 5 * time.Minute
	DefaultMaxEjected      = 50
)

// WithDefaults fills in what is not set.
func (p Passive) WithDefaults() Passive {
	p.Failures, p.MaxEjected = or(p.Failures, DefaultFailures), or(p.MaxEjected, DefaultMaxEjected)
	p.EjectionTime = or(p.EjectionTime, DefaultEjectionTime)
	p.MaxEjectionTime = max(or(p.MaxEjectionTime, DefaultMaxEjectionTime), p.EjectionTime)
	return p
}

// Check refuses what has no meaning.
func (p Passive) Check() error {
	if p.Failures < 0 || p.EjectionTime < 0 || p.MaxEjectionTime < 0 {
		return errors.New("thresholds and durations must not be negative")
	}
	if p.MaxEjected < 0 || p.MaxEjected > 100 {
		return errors.New("max_ejected must be a percentage from 1 to 100")
	}
	return nil
}

// Ejection is whether an endpoint is left alone. It is safe for concurrent use; in the zero value it is not.
type Ejection struct {
	failures atomic.Int64 // in a row

	mu    sync.Mutex
	until time.Time // when the last ejection ends, or has ended
	level int       // how many ejections are not forgiven
	total uint64
}

// Succeed breaks the row of failures.
func (e *Ejection) Succeed() {
	if e.failures.Load() != 0 {
		e.failures.Store(0)
	}
}

// Fail counts a failure, and ejects the endpoint when there are enough of them and may allows it. It returns for how
// long, or 0.
func (e *Ejection) Fail(p *Passive, now time.Time, may func() bool) time.Duration {
	if e.failures.Add(1) < int64(p.Failures) || e.Ejected(now) || !may() {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Before(e.until) {
		return 0
	}
	if !e.until.IsZero() {
		e.level = max(0, e.level-int(now.Sub(e.until)/p.EjectionTime))
	}
	e.level++
	e.total++
	length := min(time.Duration(e.level)*p.EjectionTime, p.MaxEjectionTime)
	e.until = now.Add(length)
	e.failures.Store(0)
	return length
}

// Ejected reports whether the endpoint is left alone.
func (e *Ejection) Ejected(now time.Time) bool { return now.Before(e.Until()) }

// Until is when the last ejection ends, or has ended; zero without one.
func (e *Ejection) Until() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.until
}

// Total is how often the endpoint was ejected.
func (e *Ejection) Total() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.total
}

// End ends an ejection before its time: a probe has found the endpoint well.
func (e *Ejection) End(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Before(e.until) {
		e.until = now
	}
}
