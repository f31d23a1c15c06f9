package metrics_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	dto "github.com/prometheus/client_model/go"

	_ "github.com/loom-gateway/loom/modules/gateway"
	_ "github.com/loom-gateway/loom/modules/middleware/metrics"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/router"
)

func init() { caddy.RegisterModule(answer{}) }

// answer does what the path says.
type answer struct{}

func (answer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.metrics_answer", New: func() caddy.Module { return new(answer) }}
}

func (answer) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	switch r.URL.Path {
	case "/error":
		return caddyhttp.Error(http.StatusBadGateway, errors.New("no backend"))
	case "/plain":
		return errors.New("an error without a status")
	case "/odd":
		w.WriteHeader(799)
	case "/panic":
		panic(http.ErrAbortHandler)
	}
	return nil
}

func config(routes ...string) string {
	return moduletest.HTTP(`{}`, `{"handler":"loom_router","middleware":[{"handler":"loom_metrics"}],"routes":[`+strings.Join(routes, ",")+`]}`)
}

func route(id, more string) string {
	return `{"id":"` + id + `",` + more + `"handle":[{"handler":"metrics_answer"}]}`
}

// counted is loom_requests_total as method, route and status, without routes that the test does not know.
func counted(t *testing.T, c *moduletest.Caddy, routes ...string) map[string]float64 {
	t.Helper()
	counts := map[string]float64{}
	for _, m := range gathered(t, c, "loom_requests_total") {
		var key []string
		for _, l := range m.GetLabel() {
			key = append(key, l.GetValue())
		}
		for _, r := range routes {
			if key[1] == r {
				counts[strings.Join(key, " ")] = m.GetCounter().GetValue()
			}
		}
	}
	return counts
}

func gathered(t *testing.T, c *moduletest.Caddy, name string) []*dto.Metric {
	t.Helper()
	ctx := c.Context()
	families, err := ctx.GetMetricsRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()
		}
	}
	return nil
}

func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, config(route("counted-a", `"paths":["/a/*"],"methods":["GET"],`), route("counted-b", `"hosts":["b.test"],`),
		route("uncounted", `"paths":["/quiet"],"without":["loom_metrics"],`)))
	send := func(method, target string) {
		defer func() { _ = recover() }()
		_ = c.Serve(httptest.NewRequest(method, target, nil)).Body.Close()
	}
	send("GET", "/a/1")
	send("GET", "/a/2")
	send("HEAD", "/a/1")
	send("POST", "/a/1")
	send("GET", "/quiet")
	send("GET", "/nowhere")
	for _, path := range []string{"/error", "/plain", "/odd", "/panic"} {
		send("PUT", "http://b.test"+path)
	}
	for _, method := range []string{"BREW", "get", "PROPFIND"} {
		send(method, "http://b.test/")
	}
	want := map[string]float64{
		"GET counted-a 200": 2, "HEAD counted-a 200": 1, "POST  405": 1, "GET  404": 1,
		"PUT counted-b 502": 1, "PUT counted-b 500": 2, "PUT counted-b OTHER": 1, "OTHER counted-b 200": 3,
	}
	got := counted(t, c, "counted-a", "counted-b", "uncounted", "")
	if !maps.Equal(got, want) {
		t.Errorf("counted\n%v, want\n%v", got, want)
	}
	for _, m := range gathered(t, c, "loom_request_duration_seconds") {
		if m.GetLabel()[0].GetValue() == "counted-a" && m.GetHistogram().GetSampleCount() != 3 {
			t.Errorf("%d durations of counted-a, want 3", m.GetHistogram().GetSampleCount())
		}
	}
}

// What a reload keeps goes on counting, and what it removes leaves no series.
func TestCountsOverReloads(t *testing.T) {
	t.Parallel()
	ask := func(c *moduletest.Caddy, host string) {
		_ = c.Serve(httptest.NewRequest("GET", "http://"+host+"/", nil)).Body.Close()
	}
	kept, gone := route("kept", `"hosts":["kept.test"],`), route("gone", `"hosts":["gone.test"],`)
	first := moduletest.Provision(t, config(kept, gone))
	ask(first, "kept.test")
	ask(first, "gone.test")
	second := moduletest.Provision(t, config(kept))
	first.Close()
	ask(second, "kept.test")
	if got, want := counted(t, second, "kept", "gone"), map[string]float64{"GET kept 200": 2}; !maps.Equal(got, want) {
		t.Errorf("after the reload %v, want %v", got, want)
	}
	third := moduletest.Provision(t, config(kept, gone))
	second.Close()
	ask(third, "gone.test")
	if got, want := counted(t, third, "kept", "gone"), map[string]float64{"GET kept 200": 2, "GET gone 200": 1}; !maps.Equal(got, want) {
		t.Errorf("after another %v, want %v", got, want)
	}
	if _, err := moduletest.TryProvision(t, config(kept, route("new", ""), `{"handle":[{"handler":"nope"}]}`)); err == nil {
		t.Fatal("a broken config was taken")
	}
	if got := counted(t, third, "kept"); got["GET kept 200"] != 2 {
		t.Errorf("after a refused config %v", got)
	}
}
