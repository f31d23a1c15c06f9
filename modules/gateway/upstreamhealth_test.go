package gateway_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/proxy"
)

// TestUpstreamBreaker opens a breaker by requests, and finds it in the answer, the log, the metrics and the events.
func TestUpstreamBreaker(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(backend.Close)
	address := backend.Listener.Addr().String()
	loom := fmt.Sprintf(`{"upstreams": {"shaky": {"endpoints": [{"address": %q}], "circuit_breaker": {"failure_threshold": 2, "timeout": "1h"}}}}`, address)
	config := strings.Replace(moduletest.HTTP(loom, `{"handler": "loom_proxy", "upstream": "shaky"}`), `{"apps": {`, `{"apps": {"events": {"subscriptions":
		[{"events": ["loom.upstream.breaker_opened"], "handlers": [{"handler": "loom_test_recorder", "into": "shaky"}]}]}, `, 1)
	c := moduletest.Provision(t, config).Start()
	for i, want := range []int{502, 502, 503, 503} {
		res, err := http.Get(c.URL(moduletest.ServerName))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("request %d: status %d, want %d", i+1, res.StatusCode, want)
		}
	}
	e := event(t, "shaky")
	if d := e.Data; d["upstream"] != "shaky" || d["endpoint"] != address || d["reason"] != "status 502" || d["for"] != time.Hour {
		t.Errorf("event %v", d)
	}
	if logs := c.Logs(); !strings.Contains(logs, "circuit breaker opened") || !strings.Contains(logs, "1 of 1 stopped by a circuit breaker") {
		t.Errorf("log: %s", logs)
	}
	want := fmt.Sprintf(`# HELP loom_circuit_breaker_state State of the endpoint's circuit breaker: 0 closed, 1 half-open, 2 open.
# TYPE loom_circuit_breaker_state gauge
loom_circuit_breaker_state{endpoint=%q,upstream="shaky"} 2
# HELP loom_upstream_requests_total Requests to endpoints, by the class of the status, or error without a response.
# TYPE loom_upstream_requests_total counter
loom_upstream_requests_total{endpoint=%q,status="5xx",upstream="shaky"} 2
`, address, address)
	ctx := c.Context()
	if err := testutil.GatherAndCompare(ctx.GetMetricsRegistry(), strings.NewReader(want), "loom_circuit_breaker_state", "loom_upstream_requests_total"); err != nil {
		t.Error(err)
	}
}

// TestProbesBeginWithStart has a config that is provisioned, and not started, ask nobody.
func TestProbesBeginWithStart(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	t.Cleanup(backend.Close)
	c := moduletest.Provision(t, fmt.Sprintf(`{"apps": {"loom": {"upstreams": {"probed": {"endpoints": [{"address": %q}],
		"health_check": {"path": "/health", "interval": "10ms"}}}}}}`, backend.Listener.Addr()))
	time.Sleep(50 * time.Millisecond)
	if n := seen.Load(); n != 0 {
		t.Errorf("%d probes before the config was accepted", n)
	}
	c.Start()
	for deadline := time.Now().Add(20 * time.Second); seen.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no probe came")
		}
	}
}
