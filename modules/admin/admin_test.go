package admin_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	_ "github.com/loom-gateway/loom/modules/admin"
	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/moduletest"
)

const loom = `{
	"upstreams": {"backend": {"endpoints": [{"address": "localhost:3000"}, {"address": "unix//run/b.sock", "weight": 2}]}},
	"plugins": {"limit": {"bundled": "rate-limit", "instances": 1, "config": "{\"requests_per_second\": 5}"}}
}`

func provision(t *testing.T) *moduletest.Caddy {
	t.Helper()
	c := moduletest.Provision(t, moduletest.HTTP(loom, `{"handler": "loom_admin", "allowed_hosts": ["admin.example.com"]}`))
	app := c.App("loom").(*gateway.App)
	app.RegisterRoute(gateway.RouteInfo{ID: "users/list", Paths: []string{"/users"}, Methods: []string{"GET"}, Upstream: "backend"})
	app.RegisterRoute(gateway.RouteInfo{ID: "api", Paths: []string{"/api/*"}, Priority: 5, Plugins: []string{"limit"}})
	return c
}

// ask returns the status, the answer's head and the decoded answer.
func ask(t *testing.T, c *moduletest.Caddy, r *http.Request) (*http.Response, map[string]any) {
	t.Helper()
	res := c.Serve(r)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := map[string]any{}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &answer); err != nil {
			t.Fatalf("%s: %v in %q", r.URL, err, data)
		}
	}
	return res, answer
}

func request(method, path string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "localhost:9091"
	return r
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	c := provision(t).Start()
	for path, want := range map[string]string{
		"/health":              `{"status":"ok"}`,
		"/ready":               `{"status":"ready"}`,
		"/routes":              `{"routes":[{"id":"api","paths":["/api/*"],"plugins":["limit"],"priority":5},{"id":"users/list","methods":["GET"],"paths":["/users"],"upstream":"backend"}]}`,
		"/routes/api":          `{"id":"api","paths":["/api/*"],"plugins":["limit"],"priority":5}`,
		"/routes/users%2Flist": `{"id":"users/list","methods":["GET"],"paths":["/users"],"upstream":"backend"}`,
		"/upstreams/backend": `{"endpoints":[{"address":"localhost:3000","available":true,"connections":{"active":0,"idle":0},"dial_errors":0,"in_flight":0,"requests":0,"weight":1},` +
			`{"address":"unix//run/b.sock","available":true,"connections":{"active":0,"idle":0},"dial_errors":0,"in_flight":0,"requests":0,"weight":2}],"in_flight":0,"load_balancer":"round_robin","name":"backend","protocol":"http"}`,
	} {
		res, answer := ask(t, c, request(http.MethodGet, path))
		if got := moduletest.Quote(answer); got != want || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s\nwant %s", path, res.StatusCode, got, want)
		}
		if got := res.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: Content-Type %q", path, got)
		}
	}
}

func TestPlugins(t *testing.T) {
	t.Parallel()
	c := provision(t)
	_, all := ask(t, c, request(http.MethodGet, "/plugins"))
	list, _ := all["plugins"].([]any)
	_, one := ask(t, c, request(http.MethodGet, "/plugins/limit"))
	if len(list) != 1 || one["name"] != "limit" || len(one["sha256"].(string)) != 64 {
		t.Errorf("plugins %v, limit %v", all, one)
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	_, info := ask(t, provision(t), request(http.MethodGet, "/info"))
	if info["go"] != runtime.Version() || info["caddy"] == "" || info["loom"] == "" || // a test binary does not know its modules' versions
		info["uptime_seconds"].(float64) <= 0 {
		t.Errorf("info = %v", info)
	}
}

func TestNotReadyBeforeStart(t *testing.T) {
	t.Parallel()
	res, answer := ask(t, provision(t), request(http.MethodGet, "/ready"))
	if res.StatusCode != http.StatusServiceUnavailable || answer["detail"] != "the gateway is starting" {
		t.Errorf("%d %v", res.StatusCode, answer)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	c := provision(t)
	for _, test := range []struct {
		method, path string
		status       int
		detail       string
	}{
		{"GET", "/upstreams/backnd", 404, `no upstream "backnd": did you mean "backend"?`},
		{"GET", "/routes/zzzzzz", 404, `no route "zzzzzz"`},
		{"GET", "/plugins/limt", 404, `no plugin "limt": did you mean "limit"?`},
		{"GET", "/plugins/..%2f..%2fetc%2fpasswd", 404, `no plugin "../../etc/passwd"`},
		{"GET", "/nothing", 404, `nothing at /nothing: there are /health, /ready, /info, /routes, /upstreams and /plugins`},
		{"POST", "/routes", 405, `this API reads only`},
		{"DELETE", "/plugins/limit", 405, `this API reads only`},
	} {
		res, answer := ask(t, c, request(test.method, test.path))
		if res.StatusCode != test.status || answer["detail"] != test.detail || answer["title"] != http.StatusText(test.status) {
			t.Errorf("%s %s: %d %v, want %d %s", test.method, test.path, res.StatusCode, answer, test.status, test.detail)
		}
		if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: Content-Type %q", test.path, got)
		}
		if got := res.Header.Get("Allow"); (got == "GET, HEAD") != (test.status == 405) {
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
