package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-gateway/loom/internal/upstream"
)

// upstreamCollector shows what became of the requests to one config's upstreams, and how their endpoints are. The labels
// are the names of the config, so there are no more series than it has endpoints.
type upstreamCollector struct {
	upstreams           *upstreamSet
	requests, durations *prometheus.Desc
	connections         *prometheus.Desc
	refusals            *prometheus.Desc
	lookups             *prometheus.Desc
	endpoints           []endpointMetric
}

// endpointMetric is one number of an endpoint; ok is false when the upstream has nothing of the kind.
type endpointMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(e upstream.EndpointSnapshot) (value float64, ok bool)
}

func newUpstreamCollector(upstreams *upstreamSet) *upstreamCollector {
	endpoint := []string{"upstream", "endpoint"}
	return &upstreamCollector{
		upstreams: upstreams,
		requests: prometheus.NewDesc("loom_upstream_requests_total", "Requests to endpoints, by the class of the status, or error without a response.",
			append(endpoint, "status"), nil),
		durations:   prometheus.NewDesc("loom_upstream_duration_seconds", "Time until responses of the upstream began.", endpoint[:1], nil),
		connections: prometheus.NewDesc("loom_upstream_connections", "Open connections to the endpoint, by state: active or idle.", append(endpoint, "state"), nil),
		refusals: prometheus.NewDesc("loom_upstream_queue_refusals_total", "Requests that an endpoint at its limit did not get, by the reason: full or timeout.",
			append(endpoint, "reason"), nil),
		lookups: prometheus.NewDesc("loom_upstream_dns_lookups_total", "Lookups of a name to find endpoints, by the result: ok or error.",
			[]string{"upstream", "name", "result"}, nil),
		endpoints: []endpointMetric{
			{
				prometheus.NewDesc("loom_upstream_waiting", "Requests that wait for a place at the endpoint.", endpoint, nil),
				prometheus.GaugeValue, func(e upstream.EndpointSnapshot) (float64, bool) { return float64(e.Waiting), e.Limited },
			},
			{
				prometheus.NewDesc("loom_upstream_in_flight", "Requests to the endpoint that are not done with.", endpoint, nil),
				prometheus.GaugeValue, func(e upstream.EndpointSnapshot) (float64, bool) { return float64(e.InFlight), true },
			},
			{
				prometheus.NewDesc("loom_upstream_dial_errors_total", "Connections that could not be made.", endpoint, nil),
				prometheus.CounterValue, func(e upstream.EndpointSnapshot) (float64, bool) { return float64(e.DialErrors), true },
			},
			{
				prometheus.NewDesc("loom_upstream_available", "Whether the endpoint is picked for requests.", endpoint, nil),
				prometheus.GaugeValue, func(e upstream.EndpointSnapshot) (float64, bool) { return number(e.Available), true },
			},
			{
				prometheus.NewDesc("loom_upstream_healthy", "Whether the endpoint is healthy by its health check.", endpoint, nil),
				prometheus.GaugeValue, func(e upstream.EndpointSnapshot) (float64, bool) {
					return number(e.Health == "healthy"), e.Health != ""
				},
			},
			{
				prometheus.NewDesc("loom_upstream_ejections_total", "How often the endpoint was ejected for failed requests.", endpoint, nil),
				prometheus.CounterValue, func(e upstream.EndpointSnapshot) (float64, bool) { return float64(e.Ejections), true },
			},
			{
				prometheus.NewDesc("loom_circuit_breaker_state", "State of the endpoint's circuit breaker: 0 closed, 1 half-open, 2 open.", endpoint, nil),
				prometheus.GaugeValue, func(e upstream.EndpointSnapshot) (float64, bool) { return float64(e.BreakerState), e.Breaker != "" },
			},
			{
				prometheus.NewDesc("loom_circuit_breaker_openings_total", "How often the endpoint's circuit breaker has opened.", endpoint, nil),
				prometheus.CounterValue, func(e upstream.EndpointSnapshot) (float64, bool) { return float64(e.BreakerOpenings), e.Breaker != "" },
			},
		},
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (c *upstreamCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.requests
	to <- c.durations
	to <- c.connections
	to <- c.refusals
	to <- c.lookups
	for _, m := range c.endpoints {
		to <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *upstreamCollector) Collect(to chan<- prometheus.Metric) {
	for _, name := range sortedNames(c.upstreams.byName) {
		s := c.upstreams.byName[name].Snapshot()
		for _, n := range s.Names {
			to <- prometheus.MustNewConstMetric(c.lookups, prometheus.CounterValue, float64(n.Lookups), name, n.Name, "ok")
			to <- prometheus.MustNewConstMetric(c.lookups, prometheus.CounterValue, float64(n.Failures), name, n.Name, "error")
		}
		d := s.Durations
		to <- prometheus.MustNewConstHistogram(c.durations, d.Count, d.Sum.Seconds(), d.UpTo, name)
		for _, e := range s.Endpoints {
			c.collectEndpoint(to, name, e)
		}
	}
}

func (c *upstreamCollector) collectEndpoint(to chan<- prometheus.Metric, name string, e upstream.EndpointSnapshot) {
	for class, n := range e.Results {
		if n > 0 {
			status := [...]string{"error", "1xx", "2xx", "3xx", "4xx", "5xx"}[class]
			to <- prometheus.MustNewConstMetric(c.requests, prometheus.CounterValue, float64(n), name, e.Address, status)
		}
	}
	for state, n := range map[string]int64{"active": e.Connections.Active, "idle": e.Connections.Idle} {
		to <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(n), name, e.Address, state)
	}
	if e.Limited {
		for reason, n := range map[string]uint64{"full": e.Refusals, "timeout": e.Timeouts} {
			to <- prometheus.MustNewConstMetric(c.refusals, prometheus.CounterValue, float64(n), name, e.Address, reason)
		}
	}
	for _, m := range c.endpoints {
		if value, ok := m.value(e); ok {
			to <- prometheus.MustNewConstMetric(m.desc, m.kind, value, name, e.Address)
		}
	}
}

// Interface guard
var _ prometheus.Collector = (*upstreamCollector)(nil)
