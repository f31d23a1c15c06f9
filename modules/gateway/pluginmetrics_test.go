package gateway_test

import (
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/wasmfilter"
)

// costly is a config with a plugin whose settings are the insides of a JSON object.
func costly(t *testing.T, settings string) string {
	t.Helper()
	path, err := filepath.Abs("../../plugins/probe/probe.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return moduletest.HTTP(`{"plugins": {"costly": {"path": `+moduletest.Quote(path)+`, "instances": 1, `+settings+`}}}`,
		`{"handler": "loom_wasm", "plugins": [{"name": "costly"}]}`, `{"handler": "static_response", "body": "fine"}`)
}

// sample finds one metric of the plugin on the page, by the value of its second label.
func sample(t *testing.T, from prometheus.Gatherer, name, label string) *dto.Metric {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetValue()] = l.GetName()
			}
			if family.GetName() == name && labels["costly"] == "plugin" && (label == "" || labels[label] != "") {
				return m
			}
		}
	}
	return nil
}

func send(t *testing.T, c *moduletest.Caddy, body string) int {
	t.Helper()
	res, err := http.Post(c.URL(moduletest.ServerName), "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

func TestCostOfAPlugin(t *testing.T) {
	t.Parallel()
	config := costly(t, `"config": "request_headers: get 0 :path; get 0 :method\nrequest_body@eos: return 0\nrequest_body: return 1",
		"limits": {"body": 4}`)
	c := moduletest.Provision(t, config).Start()
	ctx := c.Context()
	before := sample(t, ctx.GetMetricsRegistry(), "loom_plugin_hostcalls_total", "").GetCounter().GetValue()
	for range 3 {
		if status := send(t, c, "abc"); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	if status := send(t, c, strings.Repeat("x", 1<<16)); status != http.StatusRequestEntityTooLarge {
		t.Fatalf("status %d", status)
	}
	after := sample(t, ctx.GetMetricsRegistry(), "loom_plugin_hostcalls_total", "").GetCounter().GetValue()
	if after-before < 4*2 {
		t.Errorf("%v hostcalls of 4 requests", after-before)
	}
	if n := sample(t, ctx.GetMetricsRegistry(), "loom_plugin_limit_hits_total", "body").GetCounter().GetValue(); n != 1 {
		t.Errorf("%v requests were over the limit", n)
	}
	if n := sample(t, ctx.GetMetricsRegistry(), "loom_plugin_memory_bytes", "").GetGauge().GetValue(); n < 1<<16 {
		t.Errorf("%v bytes of memory", n)
	}
	spent := sample(t, ctx.GetMetricsRegistry(), "loom_plugin_duration_seconds", "on_request_headers").GetHistogram()
	if spent.GetSampleCount() != 4 || spent.GetSampleSum() <= 0 {
		t.Errorf("durations %v", spent)
	}
	snapshot := c.App("loom").(*gateway.App).PluginSnapshots()[0]
	if cost := snapshot.Cost["on_request_headers"]; cost.Calls != 4 || cost.Seconds <= 0 || snapshot.Hostcalls == 0 {
		t.Errorf("snapshot %+v", snapshot)
	}
	problems, err := testutil.GatherAndLint(ctx.GetMetricsRegistry())
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// What a plugin costs stays with it over reloads, and leaves the page with it.
func TestCostOverReloads(t *testing.T) {
	t.Parallel()
	config := costly(t, `"config": "request_headers: level"`)
	first := moduletest.Provision(t, config).Start()
	send(t, first, "")
	second := moduletest.Provision(t, config).Start()
	first.Close()
	send(t, second, "")
	ctx := second.Context()
	if n := sample(t, ctx.GetMetricsRegistry(), "loom_plugin_duration_seconds", "on_request_headers").GetHistogram().GetSampleCount(); n != 2 {
		t.Errorf("%d requests after the reload, want those of both configs", n)
	}
	third := moduletest.Provision(t, moduletest.HTTP(`{}`, `{"handler": "static_response"}`))
	ctx = third.Context()
	if m := sample(t, ctx.GetMetricsRegistry(), "loom_plugin_duration_seconds", ""); m != nil {
		t.Errorf("a config without the plugin shows %v", m)
	}
}

func TestRecycleBelowZero(t *testing.T) {
	t.Parallel()
	for _, settings := range []string{`"memory": -1`, `"age": -1`, `"requests": -1`} {
		if _, err := moduletest.TryProvision(t, costly(t, `"recycle": {`+settings+`}`)); err == nil || !strings.Contains(err.Error(), "recycle: ") {
			t.Errorf("%s: error %v", settings, err)
		}
	}
}

// Every limit of the configuration is explained in LimitTable, and every one there that names a setting has it.
func TestLimitsHaveSettings(t *testing.T) {
	t.Parallel()
	settings := map[string]bool{}
	for field := range reflect.TypeFor[gateway.PluginLimits]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		settings[name] = true
	}
	for _, l := range proxywasm.LimitTable() {
		for _, s := range l.Settings {
			if !settings[s] {
				t.Errorf("%s: limits has no %s", l.What, s)
			}
			delete(settings, s)
		}
	}
	if len(settings) > 0 {
		t.Errorf("not in LimitTable: %v", settings)
	}
}

func TestLimitBelowZero(t *testing.T) {
	t.Parallel()
	if _, err := moduletest.TryProvision(t, costly(t, `"limits": {"call_bodies": -1}`)); err == nil || !strings.Contains(err.Error(), "limits: call_bodies is below zero") {
		t.Errorf("error %v", err)
	}
}
