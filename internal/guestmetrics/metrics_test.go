package guestmetrics

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// collector describes nothing, as the gateway's does: guests define at any time.
type collector struct{ *Metrics }

func (collector) Describe(chan<- *prometheus.Desc) {}

func TestMetricsOnThePage(t *testing.T) {
	m := NewStore().Of("waf")
	counter, _ := m.Define(abi.MetricCounter, "tx.total;kind=a")
	gauge, _ := m.Define(abi.MetricGauge, "open")
	histogram, _ := m.Define(abi.MetricHistogram, "size")
	if again, _ := m.Define(abi.MetricCounter, "tx.total;kind=a"); again != counter {
		t.Errorf("defined twice: %d and %d", counter, again)
	}
	m.Increment(counter, 2)
	m.Record(counter, 3)
	m.Record(gauge, 7)
	m.Increment(gauge, -2)
	m.Record(histogram, 5)
	for _, tc := range []struct {
		got, want abi.Status
	}{
		{m.Increment(counter, -1), abi.StatusBadArgument},
		{m.Increment(histogram, 1), abi.StatusBadArgument},
		{m.Increment(99, 1), abi.StatusNotFound},
		{m.Record(99, 1), abi.StatusNotFound},
	} {
		if tc.got != tc.want {
			t.Errorf("status %s, want %s", tc.got, tc.want)
		}
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{m})
	want := `# HELP loom_guest_open Defined by a Proxy-Wasm plugin.
# TYPE loom_guest_open gauge
loom_guest_open{name="open",plugin="waf"} 5
# HELP loom_guest_tx_total_kind_a_total Defined by a Proxy-Wasm plugin.
# TYPE loom_guest_tx_total_kind_a_total counter
loom_guest_tx_total_kind_a_total{name="tx.total;kind=a",plugin="waf"} 5
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "loom_guest_open", "loom_guest_tx_total_kind_a_total"); err != nil {
		t.Error(err)
	}
	if value, s := m.Get(gauge); value != 5 || s != abi.StatusOK {
		t.Errorf("gauge %d, %s", value, s)
	}
}

// A plugin that defines a metric per request is neither refused nor remembered for ever.
func TestMetricsAreBounded(t *testing.T) {
	m := NewStore().Of("bomb")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				id, s := m.Define(abi.MetricCounter, fmt.Sprintf("m%d-%d", w, i))
				if s != abi.StatusOK || m.Increment(id, 1) != abi.StatusOK {
					t.Errorf("metric %d refused", i)
				}
			}
		})
	}
	wg.Wait()
	if n := testutil.CollectAndCount(collector{m}); n != proxywasm.DefaultLimits().Metrics {
		t.Errorf("%d metrics are kept", n)
	}
}

// What a plugin has defined goes with it; a plugin that still has it shares it.
func TestMetricsOfAPluginThatIsGone(t *testing.T) {
	t.Parallel()
	store := NewStore()
	func() {
		m := store.Of("short")
		if id, _ := m.Define(abi.MetricCounter, "hits"); id == 0 || store.Of("short") != m {
			t.Fatal("a plugin that is there does not share its metrics")
		}
		runtime.KeepAlive(m)
	}()
	runtime.GC()
	if _, status := store.Of("short").Get(1); status != abi.StatusNotFound {
		t.Errorf("the metrics of a plugin that is gone are still there: %v", status)
	}
}
