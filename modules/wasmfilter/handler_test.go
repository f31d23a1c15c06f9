package wasmfilter_test

import (
	"io"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/loom-gateway/loom/modules/moduletest"

	_ "github.com/loom-gateway/loom/modules/gateway"
	_ "github.com/loom-gateway/loom/modules/wasmfilter"
)

const answer = `{"handler":"static_response","body":"{http.request.header.X-Order} {http.wasm.mine}"}`

func probePath(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../plugins/probe/probe.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func get(t *testing.T, c *moduletest.Caddy) (int, string) {
	t.Helper()
	res := c.Serve(httptest.NewRequest("GET", "http://example.org/", nil))
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestPluginsRunByPriority(t *testing.T) {
	t.Parallel()
	plugin := func(name string) string {
		return `{"path":` + moduletest.Quote(probePath(t)) + `,"config":"request_headers: add 0 x-order ` + name + `","priority":` +
			map[string]string{"low": "1", "high": "9"}[name] + `}`
	}
	c := moduletest.Provision(t, moduletest.HTTP(
		`{"plugins":{"low":`+plugin("low")+`,"high":`+plugin("high")+`}}`,
		`{"handler":"loom_wasm","plugins":[{"name":"low"},{"name":"high"},{"name":"low","config":"request_headers: setprop mine v"}]}`,
		answer))
	if status, body := get(t, c); status != 200 || body != "high,low v" {
		t.Errorf("%d %q", status, body)
	}
}

func TestBundledPluginNeedsNoEntry(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(`{}`, `{"handler":"loom_wasm","plugins":[{"name":"rate-limit"}]}`, answer))
	if status, _ := get(t, c); status != 200 {
		t.Errorf("status %d", status)
	}
}

func TestAFailedPluginIs503(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(
		`{"plugins":{"bad":{"path":`+moduletest.Quote(probePath(t))+`,"config":"request_headers: trap"}}}`,
		`{"handler":"loom_wasm","plugins":[{"name":"bad"}]}`, answer))
	if status, _ := get(t, c); status != 503 {
		t.Errorf("status %d", status)
	}
}

// A plugin sees what an earlier one has set, and the client behind a trusted proxy.
func TestProperties(t *testing.T) {
	t.Parallel()
	plugin := func(script string) string {
		return `{"path":` + moduletest.Quote(probePath(t)) + `,"config":` + moduletest.Quote(script) + `}`
	}
	c := moduletest.Provision(t, moduletest.Server(
		`{"plugins":{"first":`+plugin("request_headers: setprop user bob")+`,"second":`+plugin("request_headers: prop user; set 0 x-order $val; prop source|address; add 0 x-order $val")+`}}`,
		`{"listen":["127.0.0.1:0"],"automatic_https":{"disable":true},"trusted_proxies":{"source":"static","ranges":["192.0.2.0/24"]},
		"routes":[{"handle":[{"handler":"loom_wasm","plugins":[{"name":"first"},{"name":"second"}]},`+answer+`]}]}`))
	r := httptest.NewRequest("GET", "http://example.org/", nil)
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	res := c.Serve(r)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if want := "bob,203.0.113.9:1234 "; err != nil || !strings.HasPrefix(string(body), want) {
		t.Errorf("%q, %v; want %q", body, err, want)
	}
}

// What a guest counts stands on the metrics page of the config.
func TestGuestMetrics(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(
		`{"plugins":{"counting":{"path":`+moduletest.Quote(probePath(t))+`,"config":"request_headers: metric 0 hits; inc $id 2"}}}`,
		`{"handler":"loom_wasm","plugins":[{"name":"counting"}]}`, answer))
	get(t, c)
	get(t, c)
	const want = `# HELP loom_guest_hits_total Defined by a Proxy-Wasm plugin.
# TYPE loom_guest_hits_total counter
loom_guest_hits_total{name="hits",plugin="counting"} 4
`
	ctx := c.Context()
	if err := testutil.GatherAndCompare(ctx.GetMetricsRegistry(), strings.NewReader(want), "loom_guest_hits_total"); err != nil {
		t.Error(err)
	}
}

// A refused config must not take the log of the plugins that the running one has.
func TestARefusedConfigLeavesThePluginsLog(t *testing.T) {
	t.Parallel()
	loom := `{"plugins":{"noisy":{"path":` + moduletest.Quote(probePath(t)) + `,"config":"request_headers: log 2 \"still here\""}}}`
	const filter = `{"handler":"loom_wasm","plugins":[{"name":"noisy"}]}`
	c := moduletest.Provision(t, moduletest.HTTP(loom, filter, answer))
	if _, err := moduletest.TryProvision(t, moduletest.HTTP(loom, filter, `{"handler":"nobody"}`)); err == nil {
		t.Fatal("the second config was taken")
	}
	if status, _ := get(t, c); status != 200 || !strings.Contains(c.Logs(), "still here") {
		t.Errorf("status %d, log %s", status, c.Logs())
	}
}

func TestRefusedConfigs(t *testing.T) {
	t.Parallel()
	probe := moduletest.Quote(probePath(t))
	for want, config := range map[string]string{
		`unknown plugin "rate-limt": did you mean "rate-limit"?`: moduletest.HTTP(`{}`, `{"handler":"loom_wasm","plugins":[{"name":"rate-limt"}]}`),
		`name at least one plugin`:                               moduletest.HTTP(`{}`, `{"handler":"loom_wasm"}`),
		`no such file`:                                           moduletest.HTTP(`{"plugins":{"x":{"path":"/nowhere/x.wasm"}}}`, answer),
		`neither path nor bundled`:                               moduletest.HTTP(`{"plugins":{"x":{}}}`, answer),
		`unknown phase "on_request"`:                             moduletest.HTTP(`{"plugins":{"x":{"path":`+probe+`,"phase":"on_request"}}}`, answer),
		`the plugin refused it`:                                  moduletest.HTTP(`{"plugins":{"x":{"path":`+probe+`,"config":"configure: return 0"}}}`, answer),
		`unknown failure_policy`:                                 moduletest.HTTP(`{"plugins":{"x":{"path":`+probe+`,"failure_policy":"shrug"}}}`, answer),
		`allow.addresses: address "auth.test"`:                   moduletest.HTTP(`{"plugins":{"x":{"path":`+probe+`,"allow":{"addresses":["auth.test"]}}}}`, answer),
		`allow.addresses: "unix//run/a" is a socket`:             moduletest.HTTP(`{"plugins":{"x":{"path":`+probe+`,"allow":{"addresses":["unix//run/a"]}}}}`, answer),
		`has sha256`:                                             moduletest.HTTP(`{"plugins":{"x":{"path":`+probe+`,"sha256":"00"}}}`, answer),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			_, err := moduletest.TryProvision(t, config)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v", err)
			}
		})
	}
}
