package upstream

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/circuit"
)

// ErrNoEndpoint says that no endpoint may be used at this time.
var ErrNoEndpoint = errors.New("no endpoint is available")

// availability is what the balancer was told about the endpoints. It is brought up to date when something happens, and
// not for each request.
type availability struct {
	mu     sync.Mutex
	due    atomic.Int64 // Unix nanoseconds at which time alone changes something; 0: never
	panics atomic.Bool  // too few are well, so that all get traffic
}

// refreshIfDue costs a comparison, unless an endpoint is out for a time.
func (u *Upstream) refreshIfDue() {
	if due := u.available.due.Load(); due != 0 && time.Now().UnixNano() >= due {
		u.refresh()
	}
}

// refresh looks at every endpoint, and tells the balancer what has changed.
func (u *Upstream) refresh() {
	if well, changed := u.update(); changed {
		u.emitPanic(u.available.panics.Load(), well)
	}
}

// update is refresh without telling people: well is how many endpoints are, changed whether panic begins or ends.
func (u *Upstream) update() (well int, changed bool) {
	a := &u.available
	a.mu.Lock()
	defer a.mu.Unlock()
	set, now, due := u.set(), time.Now(), time.Time{}
	for _, e := range set.endpoints {
		if u.well(e, now) {
			well++
		}
		due = sooner(due, u.nextChange(e, now))
	}
	panics := well*100 < u.settings.PanicThreshold*len(set.endpoints)
	changed = panics != a.panics.Swap(panics)
	for i, e := range set.endpoints {
		isWell := u.well(e, now)
		in := (isWell || panics) && !u.refuses(e, now)
		if e.out.Load() == in {
			e.out.Store(!in)
			set.picker.Set(i, in)
		}
		whole := isWell && (u.settings.Breaker == nil || e.breaker.State() == circuit.Closed)
		if whole && e.looked && !e.whole && u.settings.SlowStart > 0 {
			e.ramp.Begin(now)
		}
		e.whole, e.looked = whole, true
	}
	if due.IsZero() {
		a.due.Store(0)
	} else {
		a.due.Store(due.UnixNano())
	}
	return well, changed
}

// well reports whether neither probes nor requests speak against the endpoint.
func (u *Upstream) well(e *Endpoint, now time.Time) bool {
	return !u.unhealthy(e) && !u.ejected(e, now)
}

func (u *Upstream) unhealthy(e *Endpoint) bool {
	return u.settings.Health != nil && !e.health.Up(u.settings.Health)
}

func (u *Upstream) ejected(e *Endpoint, now time.Time) bool {
	return u.settings.Passive != nil && e.ejection.Ejected(now)
}

// refuses reports whether the endpoint's breaker is open.
func (u *Upstream) refuses(e *Endpoint, now time.Time) bool {
	return u.settings.Breaker != nil && e.breaker.Refuses(now)
}

// nextChange is when time alone changes what is to be said of an endpoint; zero: never.
func (u *Upstream) nextChange(e *Endpoint, now time.Time) (at time.Time) {
	if u.ejected(e, now) {
		at = e.ejection.Until()
	}
	if u.refuses(e, now) {
		at = sooner(at, e.breaker.Until())
	}
	return at
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// unavailable is ErrNoEndpoint with the reason.
func (u *Upstream) unavailable() error {
	now := time.Now()
	unhealthy, ejected, open, endpoints := 0, 0, 0, u.set().endpoints
	for _, e := range endpoints {
		switch {
		case u.unhealthy(e):
			unhealthy++
		case u.ejected(e, now):
			ejected++
		case u.settings.Breaker != nil && e.breaker.State() != circuit.Closed:
			open++
		}
	}
	var reasons []string
	for _, r := range []struct {
		n    int
		text string
	}{{unhealthy, "unhealthy by its health check"}, {ejected, "ejected for failed requests"}, {open, "stopped by a circuit breaker"}} {
		if r.n > 0 {
			reasons = append(reasons, fmt.Sprintf("%d of %d %s", r.n, len(endpoints), r.text))
		}
	}
	if u.names != nil {
		if err := u.names.unknown(); err != nil && len(endpoints) == 0 {
			return fmt.Errorf("upstream %q: %w: %w", u.settings.Name, ErrNoEndpoint, err)
		}
	}
	if len(reasons) == 0 {
		return fmt.Errorf("upstream %q: %w", u.settings.Name, ErrNoEndpoint)
	}
	return fmt.Errorf("upstream %q: %w: %s", u.settings.Name, ErrNoEndpoint, strings.Join(reasons, ", "))
}
