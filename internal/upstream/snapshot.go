package upstream

// Snapshot is the state of an upstream at one moment, for people.
type Snapshot struct {
	Name         string             `json:"name"`
	Protocol     string             `json:"protocol"`
	LoadBalancer string             `json:"load_balancer"`
	InFlight     int64              `json:"in_flight"`
	Endpoints    []EndpointSnapshot `json:"endpoints"`
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
}

// Snapshot reads the state. The numbers are read one by one, while requests go on.
func (u *Upstream) Snapshot() Snapshot {
	s := Snapshot{
		Name:         u.settings.Name,
		Protocol:     u.settings.Protocol,
		LoadBalancer: u.settings.LoadBalancer,
		InFlight:     u.calls.Load(),
		Endpoints:    make([]EndpointSnapshot, 0, len(u.endpoints)),
	}
	for _, e := range u.endpoints {
		s.Endpoints = append(s.Endpoints, EndpointSnapshot{
			Address:    e.name,
			Weight:     e.weight,
			InFlight:   e.load.InFlight(),
			Requests:   e.requests.Load(),
			DialErrors: e.dialErrors.Load(),
		})
	}
	return s
}
