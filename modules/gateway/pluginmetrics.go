package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-gateway/loom/internal/plugin"
)

// pluginCollector shows what becomes of the instances of one config's plugins.
type pluginCollector struct{ plugins *pluginSet }

// pluginMetric is one of them.
type pluginMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(plugin.Stats) int64
}

func pluginMetrics() []pluginMetric {
	metric := func(kind prometheus.ValueType, name, help string, value func(plugin.Stats) int64) pluginMetric {
		return pluginMetric{prometheus.NewDesc("loom_plugin_"+name, help, []string{"plugin"}, nil), kind, value}
	}
	return []pluginMetric{
		metric(prometheus.GaugeValue, "instances", "Usable instances of the plugin.",
			func(s plugin.Stats) int64 { return int64(s.Instances) }),
		metric(prometheus.GaugeValue, "streams", "Requests that the plugin has in hand.",
			func(s plugin.Stats) int64 { return int64(s.Streams) }),
		metric(prometheus.CounterValue, "instances_created_total", "Instances that were started.",
			func(s plugin.Stats) int64 { return s.Created }),
		metric(prometheus.CounterValue, "traps_total", "Instances that failed.",
			func(s plugin.Stats) int64 { return s.Traps }),
		metric(prometheus.CounterValue, "reloads_total", "Fresh instances that took the place of one that failed.",
			func(s plugin.Stats) int64 { return s.Reloads }),
		metric(prometheus.CounterValue, "reload_failures_total", "Attempts to replace an instance that failed as well.",
			func(s plugin.Stats) int64 { return s.ReloadFailures }),
	}
}

// Describe implements prometheus.Collector.
func (pluginCollector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range pluginMetrics() {
		to <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c pluginCollector) Collect(to chan<- prometheus.Metric) {
	c.plugins.mu.Lock()
	defer c.plugins.mu.Unlock()
	for _, name := range sortedNames(c.plugins.byName) {
		stats := c.plugins.byName[name].Stats()
		for _, m := range pluginMetrics() {
			to <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(m.value(stats)), name)
		}
	}
}

// Interface guard
var _ prometheus.Collector = pluginCollector{}
