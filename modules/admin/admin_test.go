package admin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/openapicheck"
	_ "github.com/loom-gateway/loom/modules/admin"
	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/moduletest"
)

const loom = `{
	"upstreams": {"backend": {"endpoints": [{"address": "localhost:3000"}, {"address": "unix//run/b.sock", "weight": 2}]}},
	"plugins": {"limit": {"bundled": "rate-limit", "instances": 1, "config": "{\"requests_per_second\": 5}"}}
}`

func provision(t testing.TB) *moduletest.Caddy {
	t.Helper()
	c := moduletest.Provision(t, moduletest.HTTP(loom, `{"handler": "loom_admin", "allowed_hosts": ["admin.example.com"]}`))
	app := c.App("loom").(*gateway.App)
	app.RegisterRoute(&gateway.RouteInfo{ID: "users/list", Paths: []string{"/users"}, Methods: []string{"GET"}, Chain: []gateway.HandlerInfo{
		{Handler: "loom_metrics", Middleware: true}, {Handler: "loom_proxy", Upstream: "backend", TimeoutSeconds: 1.5},
	}})
	app.RegisterRoute(&gateway.RouteInfo{ID: "api", Paths: []string{"/api/*"}, Priority: 5, Chain: []gateway.HandlerInfo{
		{Handler: "loom_wasm", Plugins: []gateway.RoutePlugin{{Name: "limit"}}},
	}})
	return c
}

// ask returns the answer's head and the decoded answer, which must be as the OpenAPI document says.
func ask(t *testing.T, c *moduletest.Caddy, r *http.Request) (*http.Response, map[string]any) {
	t.Helper()
	res := c.Serve(r)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	document(t).Check(t, r, res, data)
	answer := map[string]any{}
	if len(data) > 0 && strings.HasSuffix(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(data, &answer); err != nil {
			t.Fatalf("%s: %v in %q", r.URL, err, data)
		}
	}
	return res, answer
}

// document is the API's description.
func document(t testing.TB) *openapicheck.Document {
	t.Helper()
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return openapicheck.Parse(t, text)
}

func request(method, path string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "localhost:9091"
	return r
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	c := provision(t).Start()
	const endpoint = `"available":true,"connections":{"active":0,"idle":0},"dial_errors":0,"ejections":0,"in_flight":0,"requests":0,"responses":{},`
	for path, want := range map[string]string{
		"/health": `{"status":"ok"}`,
		"/ready":  `{"status":"ready"}`,
		"/routes": `{"routes":[{"id":"api","paths":["/api/*"],"plugins":["limit"],"priority":5},` +
			`{"id":"users/list","methods":["GET"],"paths":["/users"],"timeout_seconds":1.5,"upstream":"backend"}]}`,
		"/routes/users%2Flist": `{"chain":[{"handler":"loom_metrics","middleware":true},{"handler":"loom_proxy","timeout_seconds":1.5,"upstream":"backend"}],` +
			`"id":"users/list","methods":["GET"],"paths":["/users"],"timeout_seconds":1.5,"upstream":"backend"}`,
		"/upstreams/backend": `{"endpoints":[{"address":"localhost:3000",` + endpoint + `"weight":1},` +
			`{"address":"unix//run/b.sock",` + endpoint + `"weight":2}],"in_flight":0,` +
			`"latency":{"count":0,"mean_seconds":0,"p50_seconds":0,"p99_seconds":0},"load_balancer":"round_robin","name":"backend","protocol":"http"}`,
	} {
		res, answer := ask(t, c, request(http.MethodGet, path))
		if got := moduletest.Quote(answer); got != want || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s\nwant %s", path, res.StatusCode, got, want)
		}
		for name, value := range map[string]string{
			"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Cross-Origin-Resource-Policy": "same-origin", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := res.Header.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", path, name, got, value)
			}
		}
	}
}

// A route shows which configuration its plugins get, and not the configuration.
func TestRouteShowsDigests(t *testing.T) {
	t.Parallel()
	res, answer := ask(t, provision(t), request(http.MethodGet, "/routes/api"))
	sum := sha256.Sum256([]byte(`{"requests_per_second": 5}`))
	want := `[{"handler":"loom_wasm","plugins":[{"config_sha256":"` + hex.EncodeToString(sum[:]) + `","name":"limit","priority":0}]}]`
	if got := moduletest.Quote(answer["chain"]); res.StatusCode != http.StatusOK || got != want {
		t.Errorf("%d %s, want %s", res.StatusCode, got, want)
	}
}

func TestPlugins(t *testing.T) {
	t.Parallel()
	c := provision(t)
	_, all := ask(t, c, request(http.MethodGet, "/plugins"))
	list, _ := all["plugins"].([]any)
	_, one := ask(t, c, request(http.MethodGet, "/plugins/limit"))
	if len(list) != 1 || one["name"] != "limit" || len(one["sha256"].(string)) != 64 || moduletest.Quote(one["routes"]) != `["api"]` || one["source"] != "bundled" {
		t.Errorf("plugins %v, limit %v", all, one)
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	_, info := ask(t, provision(t), request(http.MethodGet, "/info"))
	if info["go"] != runtime.Version() || info["caddy"] == "" || info["loom"] == "" || // a test binary does not know its modules' versions
		info["uptime_seconds"].(float64) <= 0 || !strings.Contains(moduletest.Quote(info["modules"]), `"http.handlers.loom_admin"`) ||
		strings.Contains(moduletest.Quote(info["modules"]), "static_response") {
		t.Errorf("info = %v", info)
	}
}

// What is not up is named: /ready answers before all of it is, since servers begin one after the other.
func TestNotReadyBeforeStart(t *testing.T) {
	t.Parallel()
	res, answer := ask(t, provision(t), request(http.MethodGet, "/ready"))
	missing := moduletest.Quote(answer["missing"])
	if res.StatusCode != http.StatusServiceUnavailable || answer["detail"] != "the gateway is starting" ||
		!strings.Contains(missing, "the plugins' timers and the upstreams' probes") || !strings.Contains(missing, `the listener 127.0.0.1:0 of the server \"test\"`) {
		t.Errorf("%d %v", res.StatusCode, answer)
	}
}

// What fails by itself does not make the gateway unready: every gateway of the same config would go.
func TestDegraded(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(`{"plugins": {"degrading": {"bundled": "rate-limit"}}, "upstreams": {"gone": {"endpoints": [{"address": "127.0.0.1:1"}],
		"health_check": {"path": "/", "initial": "unhealthy"}}}}`, `{"handler": "loom_admin"}`)).Start()
	app := c.App("loom").(*gateway.App)
	if _, err := app.DisablePlugin("degrading", false); err != nil {
		t.Fatal(err)
	}
	res, answer := ask(t, c, request(http.MethodGet, "/ready"))
	if got := moduletest.Quote(answer["degraded"]); res.StatusCode != http.StatusOK ||
		got != `["plugin \"degrading\" is disabled","upstream \"gone\" has no available endpoint"]` {
		t.Errorf("%d %s", res.StatusCode, got)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	c := provision(t)
	const nothing = "nothing at %s: there are /, /health, /ready, /info, /routes, /upstreams, /plugins, /openapi.json, /openapi.yaml"
	for _, test := range []struct {
		method, path string
		status       int
		detail       string
	}{
		{"GET", "/upstreams/backnd", 404, `no upstream "backnd": did you mean "backend"?`},
		{"GET", "/routes/zzzzzz", 404, `no route "zzzzzz"`},
		{"GET", "/plugins/limt", 404, `no plugin "limt": did you mean "limit"?`},
		{"GET", "/plugins/..%2f..%2fetc%2fpasswd", 404, `no plugin "../../etc/passwd"`},
		{"GET", "/plugins/%ff", 404, `no plugin "\xff"`},
		{"GET", "/plugins/..", 404, `no plugin ".."`},
		{"GET", "/nothing", 404, ""},
		{"GET", "//health", 404, ""},
		{"GET", "/health/", 404, ""},
		{"GET", "/HEALTH", 404, ""},
		{"GET", "/%68ealth", 404, ""},
		{"GET", "/routes/../health", 404, ""},
		{"GET", "/plugins/limit/", 404, ""},
		{"GET", "/plugins/", 404, ""},
		{"GET", "/health;x=1", 404, ""},
		{"GET", "/metrics", 404, ""},
		{"POST", "/routes", 405, "this takes GET, HEAD"},
		{"DELETE", "/routes/api", 405, "this takes GET, HEAD"},
		{"PUT", "/plugins/limit", 405, "this takes DELETE, GET, HEAD"},
		{"OPTIONS", "/plugins/limit", 405, "this takes DELETE, GET, HEAD"},
		{"DELETE", "/", 405, "this takes GET, HEAD"},
		{"TRACE", "/openapi.json", 405, "this takes GET, HEAD"},
	} {
		if test.detail == "" {
			test.detail = fmt.Sprintf(nothing, test.path)
		}
		res, answer := ask(t, c, request(test.method, test.path))
		if res.StatusCode != test.status || answer["detail"] != test.detail || answer["title"] != http.StatusText(test.status) {
			t.Errorf("%s %s: %d %v, want %d %s", test.method, test.path, res.StatusCode, answer, test.status, test.detail)
		}
		if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: Content-Type %q", test.path, got)
		}
		allow := map[bool]string{true: strings.TrimPrefix(test.detail, "this takes ")}[test.status == 405]
		if got := res.Header.Get("Allow"); got != allow {
			t.Errorf("%s: Allow %q", test.path, got)
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	c := provision(t)
	for _, path := range []string{"/health", "/nothing"} {
		head, answer := ask(t, c, request(http.MethodHead, path))
		full, _ := ask(t, c, request(http.MethodGet, path))
		if len(answer) > 0 || head.StatusCode != full.StatusCode || head.Header.Get("Content-Length") != full.Header.Get("Content-Length") {
			t.Errorf("%s: HEAD %d %v, GET %d %v", path, head.StatusCode, head.Header, full.StatusCode, full.Header)
		}
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	c := provision(t)
	for _, test := range []struct {
		name, host string
		headers    map[string]string
		want       int
	}{
		{"localhost", "localhost:9091", nil, 200},
		{"under localhost", "loom.LOCALHOST.", nil, 200},
		{"ipv4", "10.1.2.3:9091", nil, 200},
		{"ipv6", "[::1]:9091", nil, 200},
		{"ipv6 without port", "[::1]", nil, 200},
		{"configured", "Admin.Example.com:9091", nil, 200},
		{"rebound name", "evil.example.com:9091", nil, 403},
		{"looks like localhost", "localhost.evil.com", nil, 403},
		{"looks like configured", "xadmin.example.com", nil, 403},
		{"own page", "localhost:9091", map[string]string{"Origin": "http://localhost:9091", "Sec-Fetch-Site": "same-origin"}, 200},
		{"other origin", "localhost:9091", map[string]string{"Origin": "http://evil.com"}, 403},
		{"other port", "localhost:9091", map[string]string{"Origin": "http://localhost:3000"}, 403},
		{"opaque origin", "localhost:9091", map[string]string{"Origin": "null"}, 403},
		{"cross-site script", "localhost:9091", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403},
		{"same-site script", "localhost:9091", map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403},
		{"typed address", "localhost:9091", map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200},
		{"followed link", "localhost:9091", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200},
		{"nonsense host", "[::1", nil, 200}, // brackets are cut off: it is an address
	} {
		r := request(http.MethodGet, "/info")
		r.Host = test.host
		for k, v := range test.headers {
			r.Header.Set(k, v)
		}
		if res, answer := ask(t, c, r); res.StatusCode != test.want {
			t.Errorf("%s: %d %v, want %d", test.name, res.StatusCode, answer, test.want)
		}
	}
}

func TestRefusedConfig(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", "http://a", "*.example.com", "a b"} {
		_, err := moduletest.TryProvision(t, moduletest.HTTP("", `{"handler": "loom_admin", "allowed_hosts": [`+moduletest.Quote(host)+`]}`))
		if err == nil || !strings.Contains(err.Error(), "is not a host name") {
			t.Errorf("%q: error %v", host, err)
		}
	}
}
