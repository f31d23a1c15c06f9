package deploy

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/loom-gateway/loom/internal/freeport"
)

const (
	monitoring = "examples/monitoring"
	promtool   = "bin/promtool/usr/bin/promtool" // .ci/setup puts it there
)

// observed is a gateway in which everything is on that has metrics: one endpoint is well and one refuses, a plugin may not write what
// it wants to and logs more than it may.
const observed = `
listeners: [{address: "127.0.0.1:${PORT}"}]
admin: {address: "127.0.0.1:${ADMIN}"}
metrics: {prometheus: {}}
routes:
  - {id: shop, path: /*, upstream: shop, plugins: [rate-limit, strict]}
upstreams:
  - name: shop
    endpoints: ["${BACKEND}", "127.0.0.1:9"]
    health_check: {path: /}
    circuit_breaker: {failure_threshold: 1}
    passive_health: {failure_threshold: 1}
    connection_pool: {max_per_endpoint: 5}
plugins:
  - name: strict
    path: ${ROOT}/plugins/rate-limit/rate-limit.wasm
    config: {requests_per_second: 1, burst: 1}
    allow: {headers: {write: []}}
    limits: {log_rate: 1}
`

// scrape is what a gateway serves after a while.
func scrape(t *testing.T) string {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("well")) }))
	defer backend.Close()
	port, admin := freeport.Port(t), freeport.Port(t)
	document := filepath.Join(t.TempDir(), "loom.yaml")
	write(t, document, observed)
	start(t, []string{"PORT=" + port, "ADMIN=" + admin, "BACKEND=" + backend.Listener.Addr().String(), "ROOT=" + root}, "run", "--config", document)
	if !eventually(func() bool { return answers(t, "http://127.0.0.1:"+admin+"/ready", "localhost") }) {
		t.Fatal("the gateway does not become ready")
	}
	for range 20 {
		answers(t, "http://127.0.0.1:"+port+"/", "localhost")
	}
	return get(t, "http://127.0.0.1:"+admin+"/metrics")
}

// served are the series by name, as PromQL names them, with the labels that they have.
func served(t *testing.T, page string) map[string]map[string]bool {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]map[string]bool{}
	for name, family := range families {
		labels := map[string]bool{"instance": true, "job": true} // which Prometheus adds
		for _, m := range family.Metric {
			for _, l := range m.Label {
				labels[l.GetName()] = true
			}
		}
		series[name] = labels
		if family.Metric[0].Histogram != nil {
			series[name+"_count"], series[name+"_sum"], series[name+"_bucket"] = labels, labels, map[string]bool{"le": true}
			for l := range labels {
				series[name+"_bucket"][l] = true
			}
		}
	}
	return series
}

// alertExpressions are those of the rules.
func alertExpressions(t *testing.T) (list []string) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Expr string }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(root, monitoring, "alerts.yaml"))), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			list = append(list, r.Expr)
		}
	}
	return list
}

// dashboardExpressions are those of the panels, the variables and the annotations of the dashboard.
func dashboardExpressions(t *testing.T) (list []string) {
	t.Helper()
	var board any
	decode(t, []byte(read(t, filepath.Join(root, monitoring, "grafana-loom.json"))), &board)
	var walk func(value any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, below := range value {
				if text, ok := below.(string); ok && (key == "expr" || key == "definition") {
					list = append(list, asPrometheus(text))
				}
				walk(below)
			}
		case []any:
			for _, below := range value {
				walk(below)
			}
		}
	}
	walk(board)
	return list
}

// asPrometheus is an expression of the dashboard as Grafana sends it.
func asPrometheus(expression string) string {
	if found := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(expression); found != nil {
		expression = "count by (" + found[2] + ") (" + found[1] + ")"
	}
	expression = strings.ReplaceAll(expression, "$__rate_interval", "1m")
	return regexp.MustCompile(`\$\w+`).ReplaceAllString(expression, ".*")
}

// Dashboard and alerts name series that a gateway serves, and labels that these have.
func TestMonitoringNamesWhatIsServed(t *testing.T) {
	t.Parallel()
	alerts, panels := alertExpressions(t), dashboardExpressions(t)
	if len(alerts) < 8 || len(panels) < 30 {
		t.Fatalf("%d alerts, %d expressions in the dashboard", len(alerts), len(panels))
	}
	var lines bytes.Buffer
	expressions := append(alerts, panels...)
	for i := range expressions {
		expressions[i] = strings.Join(strings.Fields(expressions[i]), " ")
		lines.WriteString(expressions[i] + "\n")
	}
	parse := exec.Command("go", "-C", filepath.Join(root, ".ci/promql"), "run", ".")
	parse.Stdin = &lines
	var failure bytes.Buffer
	parse.Stderr = &failure
	out, err := parse.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &failure)
	}
	series, selected := served(t, scrape(t)), json.NewDecoder(bytes.NewReader(out))
	for _, expression := range expressions {
		var selections []struct {
			Metric string
			Labels []string
		}
		if err := selected.Decode(&selections); err != nil {
			t.Fatal(err)
		}
		for _, s := range selections {
			if series[s.Metric] == nil {
				t.Errorf("no gateway serves %s: %s", s.Metric, expression)
				continue
			}
			for _, label := range s.Labels {
				if !series[s.Metric][label] {
					t.Errorf("%s has no label %s: %s", s.Metric, label, expression)
				}
			}
		}
	}
}

// Prometheus takes the alerts, they fire when alerts_test.yaml says so, and it has nothing to say about what a gateway serves.
func TestPromtool(t *testing.T) {
	t.Parallel()
	program := need(t, filepath.Join(root, promtool), "the alerts and the metrics page, checked by promtool")
	for _, args := range [][]string{
		{"check", "rules", "--lint-fatal", filepath.Join(root, monitoring, "alerts.yaml")},
		{"test", "rules", filepath.Join(root, monitoring, "alerts_test.yaml")},
	} {
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", args[:2], err, out)
		}
	}
	check := exec.Command(program, "check", "metrics")
	page := scrape(t)
	check.Stdin = strings.NewReader(page)
	out, err := check.CombinedOutput()
	if err != nil || len(out) > 0 || !strings.Contains(page, "loom_requests_total") {
		t.Errorf("check metrics: %v\n%s", err, out)
	}
}
