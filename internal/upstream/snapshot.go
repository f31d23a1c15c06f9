package upstream

import (
	"time"

	"github.com/loom-gateway/loom/internal/circuit"
)

// Snapshot is the state of an upstream at one moment, for people.
type Snapshot struct {
	Name         string `json:"name"`
	Protocol     string `json:"protocol"`
	LoadBalancer string `json:"load_balancer"`
	InFlight     int64  `json:"in_flight"`
	// Retries are requests that were sent again, by the reason; reasons that never were are left out.
	Retries map[string]uint64 `json:"retries,omitempty"`
	// RetriesRefused were not sent again because of the budget.
	RetriesRefused uint64 `json:"retries_refused,omitempty"`
	// Panic: too few endpoints are well, so that all get traffic.
	Panic     bool               `json:"panic,omitempty"`
	Endpoints []EndpointSnapshot `json:"endpoints"`
	// Names that were looked up to find endpoints.
	Names []NameSnapshot `json:"names,omitempty"`

	// Durations until responses began, for metrics.
	Durations Durations `json:"-"`
}

// EndpointSnapshot is the state of an endpoint at one moment.
type EndpointSnapshot struct {
	Address string `json:"address"`
	Weight  int    `json:"weight"`
	// InFlight are the requests that are not done with, upgraded connections included.
	InFlight int64 `json:"in_flight"`
	// Requests that were sent, or tried to, since the upstream was made.
	Requests uint64 `json:"requests"`
	// DialErrors are connections that could not be made since then.
	DialErrors uint64 `json:"dial_errors"`
	// Connections that are open; of those with HTTP/2 each counts as active while there is a request for it.
	Connections Connections `json:"connections"`
	// Waiting requests for a place, where there is a limit.
	Waiting int `json:"waiting,omitempty"`
	// Available: it is picked for requests.
	Available bool `json:"available"`
	// Health by its probes: healthy, unhealthy, or empty without any.
	Health string `json:"health,omitempty"`
	// Breaker is closed, half_open or open; empty without one.
	Breaker string `json:"circuit_breaker,omitempty"`
	// EjectedUntil is when requests may go to it again that was ejected for failed ones.
	EjectedUntil *time.Time `json:"ejected_until,omitempty"`
	// LastError is the last failure of a request, LastProbeError that of a probe.
	LastError      string     `json:"last_error,omitempty"`
	LastErrorAt    *time.Time `json:"last_error_at,omitempty"`
	LastProbeAt    *time.Time `json:"last_probe_at,omitempty"`
	LastProbeError string     `json:"last_probe_error,omitempty"`

	// For metrics.
	BreakerState    circuit.State `json:"-"`
	BreakerOpenings uint64        `json:"-"`
	Ejections       uint64        `json:"-"`
	// Limited: there is a limit of requests.
	Limited bool `json:"-"`
	// Refusals of requests for which the line was full, and Timeouts of those that waited too long.
	Refusals, Timeouts uint64 `json:"-"`
	// Results by the first digit of the status; 0: no response.
	Results [6]uint64 `json:"-"`
}

// NameSnapshot is what is known about a name at one moment.
type NameSnapshot struct {
	Name string `json:"name"`
	// Type is a or srv.
	Type string `json:"type"`
	// Addresses behind it.
	Addresses int `json:"addresses"`
	// Lookups that were answered, and Failures that were not, or by nothing.
	Lookups  uint64 `json:"lookups"`
	Failures uint64 `json:"failures"`
	// LastError of the last lookup; empty when it did well.
	LastError string     `json:"last_error,omitempty"`
	LastAt    *time.Time `json:"last_lookup_at,omitempty"`
}

func (n *name) snapshot() NameSnapshot {
	n.mu.Lock()
	defer n.mu.Unlock()
	return NameSnapshot{
		Name: n.Address, Type: n.Resolve, Addresses: len(n.targets), Failures: n.count[0], Lookups: n.count[1],
		LastError: n.lastFailure, LastAt: orNone(n.lastAt),
	}
}

// Connections to an endpoint.
type Connections struct {
	Active int64 `json:"active"`
	Idle   int64 `json:"idle"`
}

// Snapshot reads the state. The numbers are read one by one, while requests go on.
func (u *Upstream) Snapshot() Snapshot {
	u.refreshIfDue()
	set := u.set()
	s := Snapshot{
		Name:         u.settings.Name,
		Protocol:     u.settings.Protocol,
		LoadBalancer: u.settings.LoadBalancer,
		InFlight:     u.calls.Load(),
		Panic:        u.available.panics.Load(),
		Durations:    u.record.durations.read(),

		Endpoints: make([]EndpointSnapshot, 0, len(set.endpoints)),
	}
	s.Retries, s.RetriesRefused = u.Retries()
	if u.names != nil {
		for _, n := range u.names.list {
			s.Names = append(s.Names, n.snapshot())
		}
	}
	for i, e := range set.endpoints {
		endpoint := u.snapshotOf(e, time.Now())
		endpoint.Weight = set.weights[i]
		s.Endpoints = append(s.Endpoints, endpoint)
	}
	return s
}

func (u *Upstream) snapshotOf(e *Endpoint, now time.Time) EndpointSnapshot {
	s := EndpointSnapshot{
		Address:    e.name,
		InFlight:   e.load.InFlight(),
		Requests:   e.requests.Load(),
		DialErrors: e.dialErrors.Load(),
		Available:  !e.out.Load(),
		Ejections:  e.ejection.Total(),
		Waiting:    e.gate.Waiting(),
		Limited:    e.limit != nil,
		Refusals:   e.refused.Load(),
		Timeouts:   e.waitedOut.Load(),
	}
	s.Connections.Active, s.Connections.Idle = e.connections()
	for i := range s.Results {
		s.Results[i] = e.results[i].Load()
	}
	if u.settings.Health != nil {
		s.Health = "healthy"
		if u.unhealthy(e) {
			s.Health = "unhealthy"
		}
		at, failure := e.health.Last()
		s.LastProbeAt, s.LastProbeError = orNone(at), failure
	}
	if u.settings.Breaker != nil {
		s.BreakerState, s.BreakerOpenings = e.breaker.State(), e.breaker.Openings()
		s.Breaker = s.BreakerState.String()
	}
	if u.ejected(e, now) {
		s.EjectedUntil = orNone(e.ejection.Until())
	}
	if f := e.failure.Load(); f != nil {
		s.LastError, s.LastErrorAt = f.text, orNone(f.at)
	}
	return s
}

func orNone(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
