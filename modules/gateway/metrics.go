package gateway

import (
	"github.com/prometheus/client_golang/prometheus"
)

// guestCollector shows the metrics that the plugins of one config define. It describes nothing beforehand, since
// guests define at any time; a plugin that no config has any more is not shown.
type guestCollector struct{ plugins *pluginSet }

// Describe implements prometheus.Collector.
func (guestCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c guestCollector) Collect(to chan<- prometheus.Metric) {
	c.plugins.mu.Lock()
	defer c.plugins.mu.Unlock()
	for _, name := range sortedNames(c.plugins.byName) {
		c.plugins.metrics.Of(name).Collect(to)
	}
}

// Interface guard
var _ prometheus.Collector = guestCollector{}
