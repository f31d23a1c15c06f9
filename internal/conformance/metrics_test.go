package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/loom-gateway/loom/internal/guestmetrics"
	"github.com/loom-gateway/loom/internal/plugin"
)

func metricsTimersLogging(s *suite) {
	guestMetrics(s)
	timers(s)
	logging(s)
}

func guestMetrics(s *suite) {
	s.check("X-01", 1, "counters, gauges and histograms get different ids; another type is BAD_ARGUMENT", func(t *testing.T) {
		g := after(t, `metric 0 a; log 2 "probe: id $id"; metric 1 a; metric 2 a; metric 3 a`)
		if got := g.statuses("  metric "); got != "0 0 0 2" {
			t.Errorf("define: %s", got)
		}
		if n := len(g.page(t)); n != 3 {
			t.Errorf("%d metrics on the page", n)
		}
	})
	s.check("X-02", 1, "a name that is defined again, also in another instance, is the same series", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: metric 0 hits; inc $id 1; metric 0 hits; inc $id 1", func(s *plugin.Spec) { s.Instances = 2 })}})
		for range 4 {
			g.do(t, "GET", "/", nil)
		}
		page := g.page(t)
		if len(page) != 1 || page["loom_guest_hits_total"] == nil || page["loom_guest_hits_total"][0].GetCounter().GetValue() != 8 {
			t.Errorf("the page has %v", page)
		}
	})
	s.check("X-03", 1, "a counter adds up over all instances, and get gives the sum", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: metric 0 hits; inc $id 5; value $id", func(s *plugin.Spec) { s.Instances = 3 })}})
		for range 6 {
			g.do(t, "GET", "/", nil)
		}
		g.want(t, "  value 1 -> 0 30")
	})
	s.check("X-04", 1, "a counter refuses to be incremented by nothing or less, and stays what it was", func(t *testing.T) {
		g := after(t, "metric 0 c; inc $id 3; inc $id 0; inc $id -1; value $id")
		if got := g.statuses("  inc "); got != "0 2 2" {
			t.Errorf("increment: %s", got)
		}
		g.want(t, "  value 1 -> 0 3")
	})
	s.check("X-05", 1, "a gauge is set, added to and taken from, below zero too", func(t *testing.T) {
		g := after(t, "metric 1 g; record $id 5; value $id; inc $id 3; value $id; inc $id -10; value $id")
		g.want(t, "  value 1 -> 0 5", "  value 1 -> 0 8", "  value 1 -> 0 -2")
	})
	s.check("X-06", 1, "a histogram observes; it has no value and cannot be incremented", func(t *testing.T) {
		g := after(t, "metric 2 h; record $id 5; record $id 7; inc $id 1; value $id")
		g.want(t, "  record 1 5 -> 0", "  inc 1 1 -> 2", "  value 1 -> 2")
		if h := g.page(t)["loom_guest_h_distribution"][0].GetHistogram(); h.GetSampleCount() != 2 || h.GetSampleSum() != 12 {
			t.Errorf("the histogram is %v", h)
		}
	})
	s.check("X-07", 1, "an id that nobody has is NOT_FOUND", func(t *testing.T) {
		after(t, "inc 99 1; record 99 1; value 99").want(t, "  inc 99 1 -> 1", "  record 99 1 -> 1", "  value 99 -> 1")
	})
	s.check("X-08", 1, "any name is accepted, and has a valid name of its own on the page", anyName)
	s.check("X-09", 2, "metrics go on over a reload", metricsOverReload)
	s.check("X-10", 1, "values have 64 bits", func(t *testing.T) {
		after(t, "metric 0 c; inc $id 1099511627776; value $id; record $id 1099511627776; value $id").
			want(t, "  value 1 -> 0 1099511627776", "  value 1 -> 0 2199023255552")
	})
}

// after serves a request through a probe that runs commands.
func after(t *testing.T, commands string) *gateway {
	t.Helper()
	g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: " + commands)}})
	g.do(t, "GET", "/", nil)
	g.ended(t, 1)
	return g
}

// guestPage shows the metrics of one plugin, as the gateway's metrics page does.
type guestPage struct{ *guestmetrics.Metrics }

func (guestPage) Describe(chan<- *prometheus.Desc) {}

// page is the metrics of the plugin probe as Prometheus reads them, by name.
func (g *gateway) page(t *testing.T) map[string][]*dto.Metric {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(guestPage{g.metrics.Of("probe")})
	return gathered(t, registry)
}

func gathered(t *testing.T, from prometheus.Gatherer) map[string][]*dto.Metric {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	page := map[string][]*dto.Metric{}
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "loom_guest_") {
			page[family.GetName()] = family.GetMetric()
		}
	}
	return page
}

func anyName(t *testing.T) {
	names := []string{
		"waf_filter.tx.total", "waf_filter_tx_total", "reporter=.=source;.;response_code=.=200", "a-b c", "größe", `\xff\xfe`, strings.Repeat("n", 300),
		"a_total", "a", "a_distribution",
	}
	var commands []string
	for _, name := range names {
		for kind := range 3 {
			commands = append(commands, fmt.Sprintf(`metric %d "%s"`, kind, name))
		}
	}
	g := after(t, strings.Join(commands, "; "))
	if got := g.statuses("  metric "); strings.Trim(got, "0 ") != "" {
		t.Errorf("define: %s", got)
	}
	series := map[string]bool{}
	for family, metrics := range g.page(t) {
		for _, m := range metrics {
			series[family+m.String()] = true
			if n := len(m.GetLabel()); n != 2 {
				t.Errorf("%s has %d labels", family, n)
			}
		}
	}
	if len(series) != 3*len(names) {
		t.Errorf("%d names are %d series", 3*len(names), len(series))
	}
}

// metricsOverReload: another configuration of the plugin counts on where the first one stopped.
func metricsOverReload(t *testing.T) {
	run := func(script string) *loomGateway {
		return start(t, pluginMap(t, map[string]string{"counting": script}, nil), routed(plaintext, wasm("counting")))
	}
	before := run("request_headers: metric 0 reloads; inc $id 2")
	before.get(t, "/")
	fresh := run("request_headers: metric 0 reloads; inc $id 2; value $id")
	before.Close()
	fresh.get(t, "/")
	ctx := fresh.Context()
	page := gathered(t, ctx.GetMetricsRegistry())["loom_guest_reloads_total"]
	if len(page) != 1 || page[0].GetCounter().GetValue() != 4 {
		t.Errorf("after the reload: %v", page)
	}
}
