package upstream

import (
	"strconv"
	"time"

	"github.com/loom-gateway/loom/internal/circuit"
)

// Kind of an Event.
type Kind string

// What happens to the endpoints of an upstream.
const (
	BreakerOpened   Kind = "breaker_opened"
	BreakerHalfOpen Kind = "breaker_half_open"
	BreakerClosed   Kind = "breaker_closed"
	Healthy         Kind = "endpoint_healthy"
	Unhealthy       Kind = "endpoint_unhealthy"
	Ejected         Kind = "endpoint_ejected"
	Panic           Kind = "panic"      // too few endpoints are well: all get traffic
	PanicOver       Kind = "panic_over" // enough are well again

	EndpointsChanged Kind = "endpoints_changed" // by what is behind a name
	LookupFailed     Kind = "lookup_failed"     // of a name: the endpoints stay
	LookupRecovered  Kind = "lookup_recovered"
)

// Event is a change that people may want to know.
type Event struct {
	Kind     Kind
	Upstream string
	// Endpoint by its name; empty for those of the whole upstream.
	Endpoint string
	// Reason is the last failure, how many endpoints are well, or which there are.
	Reason string
	// For how long an endpoint is ejected, or its breaker open; 0 for other kinds.
	For time.Duration
}

// SetObserver makes f what is told of events, on the goroutine that makes them: it must be quick, and not come back to
// the upstream. nil tells nobody; Close does so too.
func (u *Upstream) SetObserver(f func(Event)) { u.observer.Store(&f) }

func (u *Upstream) emit(e Event) {
	e.Upstream = u.settings.Name
	if f := u.observer.Load(); f != nil && *f != nil {
		(*f)(e)
	}
}

func (u *Upstream) emitPanic(panics bool, well int) {
	reason := strconv.Itoa(well) + " of " + strconv.Itoa(len(u.set().endpoints)) + " endpoints are well"
	if panics {
		u.emit(Event{Kind: Panic, Reason: reason})
	} else {
		u.emit(Event{Kind: PanicOver, Reason: reason})
	}
}

func (u *Upstream) breakerChanged(e *Endpoint, c circuit.Change) {
	if !c.Happened() {
		return
	}
	event := Event{Kind: BreakerClosed, Endpoint: e.name}
	switch c.To {
	case circuit.Open:
		event.Kind, event.Reason, event.For = BreakerOpened, e.lastFailure(), u.settings.Breaker.Timeout
	case circuit.HalfOpen:
		event.Kind = BreakerHalfOpen
	}
	u.emit(event)
	e.changed()
}
