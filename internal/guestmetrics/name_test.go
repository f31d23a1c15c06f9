package guestmetrics

import (
	"math"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Names that plugins use, and those with which a hostile one would take the page down.
func TestNoNameBreaksThePage(t *testing.T) {
	store := NewStore()
	registry := prometheus.NewPedanticRegistry()
	for _, plugin := range []string{"one", "two"} {
		m := store.Of(plugin)
		for _, name := range []string{
			"", "a", "a_total", "a_total_total", "a.total", "a_distribution", "a_distribution_count", "a_sum", "a_value",
			"a_sum_value", "waf_filter.tx.total_identifier=global", "reporter=.=source;.;response_code", "größe", "a b-c",
			"\xff", "\xfe", "\uFFFD", `\xff`, `"quoted"`, "1st", strings.Repeat("long", 75), "loom_guest_a",
		} {
			for kind := abi.MetricCounter; kind <= abi.MetricHistogram; kind++ {
				if _, s := m.Define(kind, name); s != abi.StatusOK {
					t.Errorf("%q is refused: %s", name, s)
				}
			}
		}
		registry.MustRegister(collector{m})
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !ofTheGuest(p) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// ofTheGuest reports whether a problem lies in the words that the guest chose.
func ofTheGuest(p promlint.Problem) bool {
	return strings.Contains(p.Text, "abbreviated units") || strings.Contains(p.Text, "use base unit")
}

// A counter stands still at the end of its range, and a gauge may be negative.
func TestTheEndsOfTheRange(t *testing.T) {
	m := NewStore().Of("p")
	counter, _ := m.Define(abi.MetricCounter, "c")
	m.Record(counter, math.MaxUint64)
	m.Increment(counter, 5)
	if v, _ := m.Get(counter); v != math.MaxInt64 {
		t.Errorf("counter %d", v)
	}
	if s := m.Increment(counter, 0); s != abi.StatusBadArgument {
		t.Errorf("increment by 0: %s", s)
	}
	gauge, _ := m.Define(abi.MetricGauge, "g")
	minus := int64(-5)
	m.Record(gauge, uint64(minus))
	m.Increment(gauge, -(1 << 40))
	if v, _ := m.Get(gauge); int64(v) != -5-1<<40 {
		t.Errorf("gauge %d", int64(v))
	}
	m.Increment(gauge, math.MinInt64)
	if v, _ := m.Get(gauge); int64(v) != math.MinInt64 {
		t.Errorf("gauge %d", int64(v))
	}
}
