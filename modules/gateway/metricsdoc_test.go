package gateway_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/caddyserver/caddy/v2/modules/metrics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	_ "github.com/loom-gateway/loom/modules/middleware/metrics"
	_ "github.com/loom-gateway/loom/modules/middleware/recovery"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/router"
)

// registered lists Loom's metrics, those without a value too.
func registered(c prometheus.Collector) (names []string) {
	descs := make(chan *prometheus.Desc)
	go func() { c.Describe(descs); close(descs) }()
	name := regexp.MustCompile(`fqName: "(loom_[^"]+)"`)
	for d := range descs {
		if found := name.FindStringSubmatch(d.String()); found != nil {
			names = append(names, found[1])
		}
	}
	return names
}

// docs/metrics.md has a line for each metric of the gateway, and no other.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, found := range regexp.MustCompile("(?m)^\\| `(loom_[a-z_]+)` \\| (?:counter|gauge|histogram) \\| .").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, found[1])
	}
	ctx := moduletest.Provision(t, costly(t, `"config": ""`)).Context()
	names := registered(ctx.GetMetricsRegistry())
	if len(names) < 10 {
		t.Fatalf("only %q are registered", names)
	}
	slices.Sort(names)
	slices.Sort(documented)
	if !slices.Equal(slices.Compact(names), documented) {
		t.Errorf("registered are\n%s\ndocumented are\n%s", strings.Join(names, "\n"), strings.Join(documented, "\n"))
	}
}

// Prometheus' linter has nothing to say about the metrics of a gateway that has served requests.
func TestMetricsAreClean(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, costly(t, `"config": "request_headers: metric 0 requests; inc 1 1"`)).Start()
	if status := send(t, c, "some"); status != 200 {
		t.Fatalf("status %d", status)
	}
	ctx := c.Context()
	registry := ctx.GetMetricsRegistry()
	problems, err := testutil.GatherAndLint(registry, registered(registry)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if n, err := testutil.GatherAndCount(registry, "loom_plugin_duration_seconds"); err != nil || n == 0 {
		t.Errorf("the linter saw %d durations, %v", n, err)
	}
}

// The page that Prometheus reads is as its linter wants it, Caddy's part of it too.
func TestThePageIsClean(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, `{"apps": {"loom": {"upstreams": {"nowhere": {"endpoints": [{"address": "127.0.0.1:1"}], "circuit_breaker": {}}}}, "http": {"metrics": {}, "servers": {"a": {
		"listen": ["127.0.0.1:0"], "automatic_https": {"disable": true}, "routes": [
			{"match": [{"path": ["/metrics"]}], "handle": [{"handler": "metrics"}]},
			{"handle": [{"handler": "loom_router", "middleware": [{"handler": "loom_recovery"}, {"handler": "loom_metrics"}], "routes": [
				{"id": "linted", "paths": ["/a"], "handle": [{"handler": "loom_proxy", "upstream": "nowhere"}]}]}]}]}}}}}`).Start()
	for _, path := range []string{"/a", "/b"} {
		res, err := http.Get(c.URL("") + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	res, err := http.Get(c.URL("") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`loom_requests_total{method="GET",route="linted",status="502"} 1`, `loom_requests_total{method="GET",route="",status="404"} 1`, "caddy_http_"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page has no %s:\n%s", want, page)
		}
	}
	problems, err := promlint.New(bytes.NewReader(page)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
