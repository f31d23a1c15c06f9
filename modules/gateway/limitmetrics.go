package gateway

import (
	"github.com/prometheus/client_golang/prometheus"
)

// limitCollector shows what the rate limits of one config have decided. The labels are names of the config: no key of a client is
// among them.
type limitCollector struct {
	limits                          *limitSet
	routes                          *routeTable
	total, errors, known, forgotten *prometheus.Desc
}

func newLimitCollector(limits *limitSet, routes *routeTable) *limitCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("loom_rate_limit_"+name, help, append([]string{"limiter"}, labels...), nil)
	}
	return &limitCollector{
		limits: limits, routes: routes,
		total:     desc("total", "Requests at the limiter, by what it decided.", "route", "result"),
		errors:    desc("store_errors_total", "Decisions that the shared store did not make."),
		known:     desc("keys", "Keys that the limiter knows in this process."),
		forgotten: desc("evictions_total", "Keys in use that were forgotten because there were too many."),
	}
}

// Describe implements prometheus.Collector.
func (c *limitCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.total, c.errors, c.known, c.forgotten} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *limitCollector) Collect(to chan<- prometheus.Metric) {
	c.limits.mu.Lock()
	defer c.limits.mu.Unlock()
	routes := c.routes.ids()
	routes[""] = true
	for _, name := range sortedNames(c.limits.counts) {
		counts := c.limits.counts[name]
		c.collectRoutes(to, name, counts, routes)
		to <- prometheus.MustNewConstMetric(c.errors, prometheus.CounterValue, float64(counts.StoreErrors.Load()), name)
	}
	for _, name := range sortedNames(c.limits.memories) {
		keys, evicted := 0, uint64(0)
		for memory := range c.limits.memories[name] {
			stats := memory.Stats()
			keys, evicted = keys+stats.Keys, evicted+stats.Evicted
		}
		to <- prometheus.MustNewConstMetric(c.known, prometheus.GaugeValue, float64(keys), name)
		to <- prometheus.MustNewConstMetric(c.forgotten, prometheus.CounterValue, float64(evicted), name)
	}
}

// collectRoutes leaves out what an earlier config counted for routes that are gone.
func (c *limitCollector) collectRoutes(to chan<- prometheus.Metric, name string, counts *LimitCounts, routes map[string]bool) {
	counts.mu.Lock()
	defer counts.mu.Unlock()
	for _, route := range sortedNames(counts.routes) {
		if !routes[route] {
			continue
		}
		for result := range limitResults {
			n := counts.routes[route][result].Load()
			to <- prometheus.MustNewConstMetric(c.total, prometheus.CounterValue, float64(n), name, route, result.String())
		}
	}
}

// Interface guard
var _ prometheus.Collector = (*limitCollector)(nil)
