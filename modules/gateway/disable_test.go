package gateway_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/router"
)

// A plugin that is taken out of service is on the metrics page, and Caddy's events hear of it and of its return.
func TestDisablePluginTells(t *testing.T) {
	t.Parallel()
	const subscribe = `"apps": {"events": {"subscriptions": [{"events": ["loom.plugin.disabled", "loom.plugin.enabled"],
		"handlers": [{"handler": "loom_test_recorder", "into": "disabling"}]}]}, `
	config := strings.Replace(costly(t, `"config": "request_headers: return 0", "vm_id": "disabling"`), `"apps": {`, subscribe, 1)
	c := moduletest.Provision(t, config).Start()
	app, ctx := c.App("loom").(*gateway.App), c.Context()
	if m := sample(t, ctx.GetMetricsRegistry(), "loom_plugin_disabled", ""); m == nil || m.GetGauge().GetValue() != 0 {
		t.Errorf("before: %v", m)
	}
	if _, err := app.DisablePlugin("costly", false); !errors.Is(err, gateway.ErrPluginInUse) {
		t.Errorf("in use: %v", err)
	}
	if _, err := app.DisablePlugin("cosly", true); !errors.Is(err, gateway.ErrNoPlugin) {
		t.Errorf("unknown: %v", err)
	}
	if info, err := app.DisablePlugin("costly", true); err != nil || !info.Disabled {
		t.Errorf("%v, %v", info.Disabled, err)
	}
	if m := sample(t, ctx.GetMetricsRegistry(), "loom_plugin_disabled", ""); m == nil || m.GetGauge().GetValue() != 1 {
		t.Errorf("disabled: %v", m)
	}
	if e := event(t, "disabling"); e.Name() != "loom.plugin.disabled" || e.Data["plugin"] != "costly" {
		t.Errorf("event %s %v", e.Name(), e.Data)
	}
	moduletest.Provision(t, config).Start()
	if e := event(t, "disabling"); e.Name() != "loom.plugin.enabled" {
		t.Errorf("event %s", e.Name())
	}
}

// A config that fails after its loom app has started puts nothing back into service.
func TestRefusedConfigEnablesNothing(t *testing.T) {
	t.Parallel()
	config := moduletest.HTTP(`{"plugins": {"stays-disabled": {"bundled": "rate-limit", "instances": 1}}}`, `{"handler": "loom_router"}`)
	app := moduletest.Provision(t, config).Start().App("loom").(*gateway.App)
	if _, err := app.DisablePlugin("stays-disabled", true); err != nil {
		t.Fatal(err)
	}
	refused := moduletest.Provision(t, config)
	if err := refused.App("loom").(*gateway.App).Start(); err != nil {
		t.Fatal(err)
	}
	refused.Close()
	if !app.PluginSnapshots()[0].Disabled {
		t.Error("it is enabled again")
	}
}

// A route says what its requests run through: the router's middleware, without what the route leaves out, then its handlers.
func TestRoutesShowTheirChain(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(`{"plugins": {"late": {"bundled": "rate-limit"}, "early": {"bundled": "rate-limit", "priority": 9}},
		"upstreams": {"u": {"endpoints": [{"address": "127.0.0.1:1"}]}}}`,
		`{"handler": "loom_router", "middleware": [{"handler": "loom_recovery"}, {"handler": "loom_metrics"}], "routes": [
			{"id": "a", "paths": ["/a"], "without": ["loom_recovery"], "headers": {"x-key": "secret"}, "query": {"q": "secret"}, "handle": [
				{"handler": "subroute", "routes": [{"handle": [{"handler": "loom_wasm", "plugins": [{"name": "late"}, {"name": "early", "config": "{}"}]}]}]},
				{"handler": "loom_proxy", "upstream": "u", "timeout": "1m"}]},
			{"id": "b", "paths": ["/b"], "handle": [{"handler": "static_response"}]}]}`))
	routes := c.App("loom").(*gateway.App).Routes()
	text := moduletest.Quote(routes)
	for _, want := range []string{
		`"id":"a","paths":["/a"],"headers":["x-key"],"query":["q"],"upstream":"u","timeout_seconds":60,"plugins":["early","late"],` +
			`"chain":[{"handler":"loom_metrics","middleware":true},{"handler":"loom_wasm","plugins":[{"name":"early","priority":9,`,
		`{"handler":"loom_proxy","upstream":"u","timeout_seconds":60}]`,
		`"chain":[{"handler":"loom_recovery","middleware":true},{"handler":"loom_metrics","middleware":true},{"handler":"static_response"}]`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") {
		t.Errorf("a value is shown: %s", text)
	}
}

// Configs with the same digest do the same.
func TestConfigDigest(t *testing.T) {
	t.Parallel()
	digest := func(upstream, route string) string {
		c := moduletest.Provision(t, moduletest.HTTP(`{"upstreams": {"u": {"endpoints": [{"address": "`+upstream+`"}]}}}`,
			`{"handler": "loom_router", "routes": [{"paths": ["`+route+`"], "handle": [{"handler": "loom_proxy", "upstream": "u"}]}]}`))
		return c.App("loom").(*gateway.App).ConfigDigest()
	}
	first := digest("127.0.0.1:1", "/a")
	if again := digest("127.0.0.1:1", "/a"); again != first {
		t.Error("the same config has two digests")
	}
	for _, other := range []string{digest("127.0.0.1:2", "/a"), digest("127.0.0.1:1", "/b")} {
		if other == first {
			t.Error("another config has the same digest")
		}
	}
}
