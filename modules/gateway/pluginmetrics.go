package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
)

// pluginCollector shows what becomes of the instances of one config's plugins, and what they cost.
type pluginCollector struct {
	plugins                       *pluginSet
	metrics                       []pluginMetric
	durations, limitHits, denials *prometheus.Desc
}

// pluginMetric is one number of a plugin.
type pluginMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(plugin.Stats) int64
}

func newPluginCollector(plugins *pluginSet) *pluginCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("loom_plugin_"+name, help, append([]string{"plugin"}, labels...), nil)
	}
	gauge := func(name, help string, value func(plugin.Stats) int64) pluginMetric {
		return pluginMetric{desc(name, help), prometheus.GaugeValue, value}
	}
	counter := func(name, help string, value func(plugin.Stats) int64) pluginMetric {
		return pluginMetric{desc(name, help), prometheus.CounterValue, value}
	}
	return &pluginCollector{
		plugins: plugins,
		metrics: []pluginMetric{
			gauge("instances", "Usable instances of the plugin.", func(s plugin.Stats) int64 { return int64(s.Instances) }),
			gauge("streams", "Requests that the plugin has in hand.", func(s plugin.Stats) int64 { return int64(s.Streams) }),
			gauge("memory_bytes", "Linear memory of all instances of the plugin.", func(s plugin.Stats) int64 { return s.Memory }),
			counter("instances_created_total", "Instances that were started.", func(s plugin.Stats) int64 { return s.Created }),
			counter("traps_total", "Instances that failed.", func(s plugin.Stats) int64 { return s.Traps }),
			counter("reloads_total", "Fresh instances that took the place of one that failed.", func(s plugin.Stats) int64 { return s.Reloads }),
			counter("recycles_total", "Fresh instances that took the place of one that was worn.", func(s plugin.Stats) int64 { return s.Recycles }),
			counter("reload_failures_total", "Attempts to replace an instance that failed.", func(s plugin.Stats) int64 { return s.ReloadFailures }),
			gauge("disabled", "Whether the plugin was taken out of service by the admin API.", func(s plugin.Stats) int64 { return int64(number(s.Disabled)) }),
			gauge("breaker_state", "Circuit breaker of the plugin: 0 closed, 1 half-open, 2 open.", func(s plugin.Stats) int64 { return int64(s.Breaker) }),
			counter("breaker_openings_total", "How often the circuit breaker opened.", func(s plugin.Stats) int64 { return s.BreakerOpenings }),
			counter("breaker_refusals_total", "Requests that the circuit breaker kept out of the plugin.", func(s plugin.Stats) int64 { return s.BreakerRefusals }),
			counter("hostcalls_total", "Hostcalls of the plugin.", func(s plugin.Stats) int64 { return int64(s.Cost.Hostcalls) }),
		},
		durations: desc("duration_seconds", "Time in callbacks of the plugin, with the hostcalls that they make.", "phase"),
		denials:   desc("denials_total", "How often the plugin wanted what its permissions leave out.", "allow"),
		limitHits: desc("limit_hits_total", "How often a limit of the plugin took effect.", "limit"),
	}
}

// Describe implements prometheus.Collector.
func (c *pluginCollector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		to <- m.desc
	}
	to <- c.durations
	to <- c.limitHits
	to <- c.denials
}

// Collect implements prometheus.Collector.
func (c *pluginCollector) Collect(to chan<- prometheus.Metric) {
	c.plugins.mu.Lock()
	defer c.plugins.mu.Unlock()
	for _, name := range sortedNames(c.plugins.byName) {
		stats := c.plugins.byName[name].Stats()
		for _, m := range c.metrics {
			to <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(m.value(stats)), name)
		}
		c.collectLimits(to, name, stats.LimitHits)
		for d, n := range stats.Denials {
			to <- prometheus.MustNewConstMetric(c.denials, prometheus.CounterValue, float64(n), name, proxywasm.Denied(d).String())
		}
		c.collectDurations(to, name, stats.Cost)
	}
}

func (c *pluginCollector) collectLimits(to chan<- prometheus.Metric, name string, hits map[proxywasm.Limit]int64) {
	for limit, n := range hits {
		to <- prometheus.MustNewConstMetric(c.limitHits, prometheus.CounterValue, float64(n), name, limit.String())
	}
}

// collectDurations shows the phases that have run: most plugins have few callbacks.
func (c *pluginCollector) collectDurations(to chan<- prometheus.Metric, name string, cost proxywasm.Cost) {
	bounds := proxywasm.CostBounds()
	for phase, spent := range &cost.Phases {
		count := spent.Count()
		if count == 0 {
			continue
		}
		upTo, buckets := uint64(0), make(map[float64]uint64, len(bounds))
		for i, bound := range bounds {
			upTo += spent.Buckets[i]
			buckets[bound] = upTo
		}
		to <- prometheus.MustNewConstHistogram(c.durations, count, spent.Time.Seconds(), buckets, name, proxywasm.Phase(phase).String())
	}
}

// Interface guard
var _ prometheus.Collector = (*pluginCollector)(nil)
