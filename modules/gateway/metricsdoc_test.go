package gateway_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/loom-gateway/loom/modules/moduletest"
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
