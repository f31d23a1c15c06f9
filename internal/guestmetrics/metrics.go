// Package guestmetrics keeps the metrics that plugins define, as Prometheus counters, gauges and histograms.
package guestmetrics

import (
	"maps"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// overflow is the id of everything beyond the most metrics that a plugin may define: it is accepted and counted nowhere.
const overflow = 0

// Store finds the metrics of all plugins by the plugins' names, so that instances and reloads share them. It does not keep them:
// they go with the last plugin that has them, or each new name would cost the gateway a thousand metrics for good.
type Store struct {
	mu       sync.Mutex
	byPlugin map[string]weak.Pointer[Metrics]
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{byPlugin: map[string]weak.Pointer[Metrics]{}} }

// Of returns the metrics of a plugin.
func (s *Store) Of(plugin string) *Metrics {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.byPlugin[plugin].Value(); m != nil {
		return m
	}
	maps.DeleteFunc(s.byPlugin, func(_ string, m weak.Pointer[Metrics]) bool { return m.Value() == nil })
	m := &Metrics{plugin: plugin, ids: map[metricKey]uint32{}, list: make([]*metric, 1), most: proxywasm.DefaultLimits().Metrics}
	s.byPlugin[plugin] = weak.Make(m)
	return m
}

// Metrics are those of one plugin.
type Metrics struct {
	plugin string
	mu     sync.RWMutex
	ids    map[metricKey]uint32
	list   []*metric // by id; 0 is overflow
	most   int
}

// metricKey has the name as the label shows it, so that two names that look alike there are one series and not a page
// that Prometheus refuses.
type metricKey struct {
	kind abi.MetricType
	name string
}

type metric struct {
	kind      abi.MetricType
	value     atomic.Int64 // of counters and gauges
	collector prometheus.Metric
	histogram prometheus.Histogram
}

// Limit sets how many metrics the plugin may define. Default: proxywasm.DefaultLimits.
func (m *Metrics) Limit(most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.most = most
}

// Define makes a metric, or finds the one of this name: instances share it.
func (m *Metrics) Define(kind abi.MetricType, name string) (uint32, abi.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = strings.ToValidUTF8(name, "\uFFFD")
	key := metricKey{kind, name}
	if id, ok := m.ids[key]; ok {
		return id, abi.StatusOK
	}
	if len(m.list) > m.most {
		return overflow, abi.StatusOK
	}
	id := uint32(len(m.list))
	m.ids[key], m.list = id, append(m.list, m.newMetric(kind, name))
	return id, abi.StatusOK
}

// newMetric names the metric after the guest's name; the label `name` has it as it was, so that two names that come out
// alike stay apart.
func (m *Metrics) newMetric(kind abi.MetricType, name string) *metric {
	made := &metric{kind: kind}
	const help = "Defined by a Proxy-Wasm plugin."
	labels := prometheus.Labels{"plugin": m.plugin, "name": name}
	full := exportedName(kind, name)
	read := func() float64 { return float64(made.value.Load()) }
	switch kind {
	case abi.MetricCounter:
		made.collector = prometheus.NewCounterFunc(prometheus.CounterOpts{Name: full, Help: help, ConstLabels: labels}, read)
	case abi.MetricGauge:
		made.collector = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: full, Help: help, ConstLabels: labels}, read)
	default:
		made.histogram = prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: full, Help: help, ConstLabels: labels, Buckets: prometheus.ExponentialBuckets(1, 4, 16),
		})
		made.collector = made.histogram
	}
	return made
}

// add stops at the ends of the range: a counter that wraps around would be a negative one.
func (m *metric) add(delta int64) {
	for {
		old := m.value.Load()
		sum := old + delta
		switch {
		case delta > 0 && sum < old:
			sum = math.MaxInt64
		case delta < 0 && sum > old:
			sum = math.MinInt64
		}
		if m.value.CompareAndSwap(old, sum) {
			return
		}
	}
}

// get finds a metric; ok is false for an unknown id, and m nil for the overflow.
func (m *Metrics) get(id uint32) (found *metric, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if id >= uint32(len(m.list)) {
		return nil, false
	}
	return m.list[id], true
}

// Increment adds to a counter, which takes only what is above zero, or to a gauge.
func (m *Metrics) Increment(id uint32, delta int64) abi.Status {
	found, ok := m.get(id)
	switch {
	case !ok:
		return abi.StatusNotFound
	case found == nil:
		return abi.StatusOK
	case found.kind == abi.MetricHistogram || (found.kind == abi.MetricCounter && delta <= 0):
		return abi.StatusBadArgument
	}
	found.add(delta)
	return abi.StatusOK
}

// Record adds to a counter, sets a gauge, which may be a negative number in two's complement, or observes in a histogram.
func (m *Metrics) Record(id uint32, value uint64) abi.Status {
	found, ok := m.get(id)
	switch {
	case !ok:
		return abi.StatusNotFound
	case found == nil:
		return abi.StatusOK
	case found.kind == abi.MetricHistogram:
		found.histogram.Observe(float64(value))
	case found.kind == abi.MetricCounter:
		found.add(int64(min(value, math.MaxInt64)))
	default:
		found.value.Store(int64(value))
	}
	return abi.StatusOK
}

// Get reads a counter or a gauge.
func (m *Metrics) Get(id uint32) (uint64, abi.Status) {
	found, ok := m.get(id)
	switch {
	case !ok:
		return 0, abi.StatusNotFound
	case found == nil:
		return 0, abi.StatusOK
	case found.kind == abi.MetricHistogram:
		return 0, abi.StatusBadArgument
	}
	return uint64(found.value.Load()), abi.StatusOK
}

// Collect sends all metrics to Prometheus.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, found := range m.list[1:] {
		to <- found.collector
	}
}

// Interface guard
var _ proxywasm.Metrics = (*Metrics)(nil)
