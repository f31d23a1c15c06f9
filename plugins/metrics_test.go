package plugins_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/loom-gateway/loom/internal/guestmetrics"
	"github.com/loom-gateway/loom/internal/plugin"
)

func TestMetrics(t *testing.T) { eachBuild(t, "metrics", testMetrics) }

// counted is a gateway with the plugin, and a metrics page.
type counted struct {
	*httptest.Server
	page *httptest.Server
}

// collector describes nothing, as the gateway's does: plugins define at any time.
type collector struct{ *guestmetrics.Metrics }

func (collector) Describe(chan<- *prometheus.Desc) {}

func counting(t *testing.T, code []byte, config string, backend http.HandlerFunc) counted {
	t.Helper()
	metrics := guestmetrics.NewStore().Of("metrics")
	p, logs, err := openWith(t, plugin.Spec{Name: "metrics", Code: code, Config: config, Instances: 2}, plugin.Deps{Metrics: metrics})
	if err != nil {
		t.Fatal(err, logs.All())
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{metrics})
	page := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(page.Close)
	return counted{serve(t, p, config, backend), page}
}

// has fails unless each line stands on the metrics page, without the labels.
func (c counted) has(t *testing.T, lines ...string) {
	t.Helper()
	page := regexp.MustCompile(`\{name="[^"]*",plugin="metrics"\}`).ReplaceAllString(get(t, c.page).body, "")
	for _, line := range lines {
		if !strings.Contains("\n"+page, "\n"+line+"\n") {
			t.Errorf("%q is not on the page:\n%s", line, page)
		}
	}
}

func (c counted) send(t *testing.T, method, status string) {
	t.Helper()
	req, err := http.NewRequest(method, c.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Status", status)
	res, err := c.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

// answerAsAsked is a backend whose bodies have 10 bytes.
func answerAsAsked(w http.ResponseWriter, r *http.Request) {
	switch r.Header.Get("X-Status") {
	case "404":
		w.WriteHeader(http.StatusNotFound)
	case "500":
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = io.WriteString(w, "0123456789")
}

func testMetrics(t *testing.T, code []byte) {
	t.Run("classes, durations and sizes", func(t *testing.T) {
		t.Parallel()
		c := counting(t, code, "", answerAsAsked)
		for range 3 {
			c.send(t, http.MethodGet, "200")
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
			c.send(t, method, "404")
		}
		c.send(t, "PURGE", "500")
		c.Close() // when the last request is logged
		c.has(t,
			"loom_guest_requests_read_2xx_total 3",
			"loom_guest_requests_write_4xx_total 4",
			"loom_guest_requests_other_5xx_total 1",
			"loom_guest_requests_in_flight 0",
			"loom_guest_request_duration_ms_distribution_count 8",
			"loom_guest_response_bytes_distribution_count 8",
			"loom_guest_response_bytes_distribution_sum 80",
			"# TYPE loom_guest_requests_read_2xx_total counter",
			"# TYPE loom_guest_requests_in_flight gauge",
			"# TYPE loom_guest_response_bytes_distribution histogram")
	})
	t.Run("in flight", func(t *testing.T) { t.Parallel(); testInFlight(t, code) })
	t.Run("names", func(t *testing.T) {
		t.Parallel()
		const config = `{"requests": "shop.{status}.{method}", "in_flight": "", "durations": "shop.took", "sizes": ""}`
		c := counting(t, code, config, answerAsAsked)
		c.send(t, http.MethodGet, "404")
		c.Close()
		page := get(t, c.page).body
		if !strings.Contains(page, `loom_guest_shop_4xx_read_total{name="shop.4xx.read",plugin="metrics"} 1`) ||
			!strings.Contains(page, "loom_guest_shop_took_distribution_count") ||
			strings.Contains(page, "in_flight") || strings.Contains(page, "bytes") {
			t.Error("the page is", page)
		}
	})
	t.Run("mistakes refuse the configuration", func(t *testing.T) {
		t.Parallel()
		for config, want := range map[string]string{
			`{"size": "a"}`:       `unknown setting "size"; there are requests, in_flight, durations, sizes`,
			`{"in_flight": true}`: `"in_flight" must be a text in quotes`,
			`[]`:                  `there should be a {`,
		} {
			_, logs, err := open(t, plugin.Spec{Name: "metrics", Code: code, Config: config, Instances: 1})
			if err == nil || logs.FilterMessageSnippet(want).Len() == 0 {
				t.Errorf("%s: %v, the log does not say %q: %v", config, err, want, logs.All())
			}
		}
	})
}

// testInFlight: the gauge knows of requests that wait, also of those whose clients leave.
func testInFlight(t *testing.T, code []byte) {
	arrived := make(chan struct{}, 2)
	c := counting(t, code, "", func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	gone := make(chan struct{}, 2)
	for range 2 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if res, err := c.Client().Do(req); err == nil {
				_ = res.Body.Close()
			}
			gone <- struct{}{}
		}()
		<-arrived
	}
	c.has(t, "loom_guest_requests_in_flight 2")
	leave()
	<-gone
	<-gone
	c.Close()
	c.has(t, "loom_guest_requests_in_flight 0", "loom_guest_request_duration_ms_distribution_count 2")
}
