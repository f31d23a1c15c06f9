package upstream

import (
	"context"
	"net"
	"time"

	"github.com/loom-gateway/loom/internal/health"
)

// Start begins the probes, and looks up the names of endpoints. It may be called again: an upstream is started once. Close ends
// both.
func (u *Upstream) Start() {
	u.follow()
	u.changing.Lock()
	defer u.changing.Unlock()
	if u.started {
		return
	}
	u.started = true
	for _, e := range u.set().endpoints {
		u.watch(e)
	}
}

// watch begins the probes of an endpoint, if the upstream has begun. The lock is held.
func (u *Upstream) watch(e *Endpoint) {
	if u.started && e.probe != nil {
		ctx, cancel := context.WithCancel(u.probing)
		e.stopProbe = cancel
		go health.Watch(ctx, u.settings.Health, e.probe, func(err error) (down bool) { return u.probed(e, err) })
	}
}

// makeProbe makes the endpoint's probe, with connections of its own.
func (u *Upstream) makeProbe(e *Endpoint) (err error) {
	if u.settings.Health != nil {
		e.probe, err = u.probeOf(e)
	}
	return err
}

func (u *Upstream) probeOf(e *Endpoint) (health.Probe, error) {
	transport := newTransport(u.settings, e.address, u.tls)
	transport.MaxConnsPerHost = 0
	dialer := net.Dialer{Timeout: u.settings.Health.Timeout}
	probe, err := health.NewProbe(*u.settings.Health, health.Target{
		URL:       e.scheme + "://" + e.address.authority(),
		Transport: transport,
		Dial: func(ctx context.Context) (net.Conn, error) {
			return dialer.DialContext(ctx, e.address.Network, e.address.Dial)
		},
	})
	return func(ctx context.Context) error {
		defer transport.CloseIdleConnections() // a probe shows that new connections can be made
		return probe(ctx)
	}, err
}

// probed counts the result of a probe.
func (u *Upstream) probed(e *Endpoint, err error) (down bool) {
	now, s := time.Now(), u.settings.Health
	changed := e.health.Report(err, s, now)
	up := e.health.Up(s)
	if !changed {
		return !up
	}
	if up { // what had failed is back, and not only after its time
		e.ejection.End(now)
		e.breaker.Retry(now)
		u.emit(Event{Kind: Healthy, Endpoint: e.name})
	} else {
		u.emit(Event{Kind: Unhealthy, Endpoint: e.name, Reason: err.Error()})
	}
	e.changed()
	return !up
}
