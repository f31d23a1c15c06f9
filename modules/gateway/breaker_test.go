package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/moduletest"
)

// recorder is a handler of events that a config subscribes with.
type recorder struct {
	Into string `json:"into,omitempty"`
}

var recorded sync.Map // by recorder.Into: a module has no other way out of its config

func init() { caddy.RegisterModule(recorder{}) }

func (recorder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.loom_test_recorder", New: func() caddy.Module { return new(recorder) }}
}

func (r *recorder) Handle(_ context.Context, e caddy.Event) error {
	into, _ := recorded.LoadOrStore(r.Into, make(chan caddy.Event, 10))
	into.(chan caddy.Event) <- e
	return nil
}

// event waits for the next event of a recorder.
func event(t *testing.T, into string) caddy.Event {
	t.Helper()
	from, _ := recorded.LoadOrStore(into, make(chan caddy.Event, 10))
	select {
	case e := <-from.(chan caddy.Event):
		return e
	case <-time.After(20 * time.Second):
		t.Fatal("no event came")
		return caddy.Event{}
	}
}

// A crash loop opens the breaker, which shows in metrics, in the snapshot and as an event, and stays over a reload.
func TestPluginBreaker(t *testing.T) {
	t.Parallel()
	const crash = `"config": "request_body: trap", "circuit_breaker": {"failure_threshold": 2, "timeout": "100ms"}`
	config := strings.Replace(costly(t, crash), `"apps": {`, `"apps": {"events": {"subscriptions": [{"events":
		["loom.plugin.breaker_opened", "loom.plugin.breaker_closed"], "handlers": [{"handler": "loom_test_recorder", "into": "breaker"}]}]}, `, 1)
	config = strings.ReplaceAll(config, "costly", "crashing")
	if !strings.Contains(config, "loom_test_recorder") {
		t.Fatal(config)
	}
	first := moduletest.Provision(t, config).Start()
	for opened := false; !opened; opened = snapshotOf(first).Breaker.Openings > 0 {
		if status := send(t, first, "x"); status != http.StatusServiceUnavailable {
			t.Fatalf("status %d", status)
		}
		time.Sleep(10 * time.Millisecond)
	}
	e := event(t, "breaker")
	if e.Name() != "loom.plugin.breaker_opened" || e.Data["plugin"] != "crashing" || !strings.Contains(e.Data["reason"].(string), "on_request_body") ||
		e.Data["pause"] != 100*time.Millisecond || string(e.Origin().CaddyModule().ID) != "loom" {
		t.Errorf("event %s %v", e.Name(), e.Data)
	}
	second := moduletest.Provision(t, config).Start()
	first.Close()
	if s := snapshotOf(second).Breaker; s.Openings == 0 {
		t.Errorf("after the reload: %+v", s)
	}
	ctx := second.Context()
	if n := crashing(t, ctx, "loom_plugin_breaker_openings_total"); n < 1 {
		t.Errorf("%v openings on the metrics page", n)
	}
	for end := time.Now().Add(20 * time.Second); send(t, second, "") != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("a good request does not close it: %+v", snapshotOf(second).Breaker)
		}
	}
	if e := event(t, "breaker"); e.Name() != "loom.plugin.breaker_closed" {
		t.Errorf("event %s %v", e.Name(), e.Data)
	}
	if s := crashing(t, ctx, "loom_plugin_breaker_state"); s != 0 {
		t.Errorf("state %v", s)
	}
}

func snapshotOf(c *moduletest.Caddy) plugin.Snapshot {
	return c.App("loom").(*gateway.App).PluginSnapshots()[0].Snapshot
}

// crashing reads a number of the plugin of that name.
func crashing(t *testing.T, ctx caddy.Context, name string) float64 {
	t.Helper()
	families, err := ctx.GetMetricsRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			m := family.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestBreakerBelowZero(t *testing.T) {
	t.Parallel()
	for _, settings := range []string{`"failure_threshold": -1`, `"window": -1`, `"timeout": -1`, `"max_timeout": -1`} {
		if _, err := moduletest.TryProvision(t, costly(t, `"circuit_breaker": {`+settings+`}`)); err == nil || !strings.Contains(err.Error(), "circuit_breaker: ") {
			t.Errorf("%s: error %v", settings, err)
		}
	}
}

func TestAllowedUpstreamsAreKnown(t *testing.T) {
	t.Parallel()
	config := strings.Replace(costly(t, `"allow": {"upstreams": ["autth"]}`), `"plugins": {`, `"upstreams": {"auth": {"endpoints": [{"address": "127.0.0.1:1"}]}}, "plugins": {`, 1)
	if _, err := moduletest.TryProvision(t, config); err == nil || !strings.Contains(err.Error(), `unknown upstream "autth": did you mean "auth"?`) {
		t.Errorf("error %v", err)
	}
}
