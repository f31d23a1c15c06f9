package accesslog_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	_ "github.com/loom-gateway/loom/modules/gateway"
	_ "github.com/loom-gateway/loom/modules/middleware/accesslog"
	_ "github.com/loom-gateway/loom/modules/middleware/recovery"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/proxy"
	_ "github.com/loom-gateway/loom/modules/router"
	_ "github.com/loom-gateway/loom/modules/wasmfilter"
)

// The log has the request's way, no secrets, and one line whatever the client sends.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Set-Cookie", "s3cret") }))
	defer backend.Close()
	address := strings.TrimPrefix(backend.URL, "http://")
	c := moduletest.Provision(t, moduletest.Server(`{"upstreams":{"b":{"endpoints":[{"address":"`+address+`"}]}}}`,
		`{"listen":["127.0.0.1:0"],"automatic_https":{"disable":true},"logs":{},"routes":[{"handle":[{"handler":"loom_router",
			"middleware":[{"handler":"loom_access_log"}],"routes":[{"id":"logged","paths":["/a"],"handle":[{"handler":"loom_proxy","upstream":"b"}]}]}]}]}`)).Start()
	req, err := http.NewRequest(http.MethodGet, c.URL("")+"/a?x=%0a%22level%22", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
		req.Header.Set(name, "s3cret")
	}
	req.Header.Set("X-Odd", "\"},{\"\x80\tlevel")
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	line := accessLine(t, c)
	var entry map[string]any
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for name, want := range map[string]any{"route": "logged", "upstream": "b", "endpoint": address, "retries": 0.0} {
		if entry[name] != want {
			t.Errorf("%s is %v, want %v", name, entry[name], want)
		}
	}
	if strings.Contains(line, "s3cret") {
		t.Errorf("a secret is in %s", line)
	}
}

// accessLine is the last line of the access log, when there is one.
func accessLine(t *testing.T, c *moduletest.Caddy) (line string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); line == "" && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for l := range strings.Lines(c.Logs()) {
			if strings.Contains(l, `"http.log.access"`) {
				line = l
			}
		}
	}
	return line
}

type panicker struct{}

func init() { caddy.RegisterModule(panicker{}) }

func (panicker) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.accesslog_panicker", New: func() caddy.Module { return new(panicker) }}
}

func (panicker) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error {
	panic("a bug")
}

// A request that ends in a panic is one whose route matters most.
func TestPanicsHaveTheirRoute(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.Server(`{}`, `{"listen":["127.0.0.1:0"],"automatic_https":{"disable":true},"logs":{},"routes":[{"handle":[
		{"handler":"loom_router","middleware":[{"handler":"loom_recovery"},{"handler":"loom_access_log"}],
			"routes":[{"id":"broken","handle":[{"handler":"accesslog_panicker"}]}]}]}]}`)).Start()
	res, err := http.Get(c.URL("") + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if line := accessLine(t, c); res.StatusCode != 500 || !strings.Contains(line, `"route":"broken"`) {
		t.Errorf("status %d, logged %s", res.StatusCode, line)
	}
}

// Plugins that do not just let a request pass are named.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, script, policy string
		status               int
		want                 []any
	}{
		{"passed", "request_headers: return 0", "closed", 200, nil},
		{"answered", "request_headers: reply 403 hidden", "closed", 403, []any{"verdict-answered answered 403"}},
		{"answered-late", "response_headers: reply 404 hidden", "closed", 404, []any{"verdict-answered-late answered 404"}},
		{"failed", "request_headers: trap", "closed", 503, []any{"verdict-failed failed"}},
		{"skipped", "request_headers: trap", "open", 200, []any{"verdict-skipped skipped"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			name := "verdict-" + tc.name
			c := moduletest.Provision(t, moduletest.Server(`{"plugins":{"`+name+`":{"path":"../../../plugins/probe/probe.wasm","instances":1,"failure_policy":"`+
				tc.policy+`","config":"`+tc.script+`"}}}`,
				`{"listen":["127.0.0.1:0"],"automatic_https":{"disable":true},"logs":{},"routes":[{"handle":[{"handler":"loom_router",
					"middleware":[{"handler":"loom_access_log"}],"routes":[{"id":"r","handle":[{"handler":"loom_wasm","plugins":[{"name":"`+name+`"}]},
					{"handler":"static_response","body":"hello"}]}]}]}]}`)).Start()
			res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(httptest.NewRequest(http.MethodGet, c.URL("")+"/", nil))
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			var entry map[string]any
			if err := json.Unmarshal([]byte(accessLine(t, c)), &entry); err != nil {
				t.Fatal(err)
			}
			if got, _ := entry["plugins"].([]any); res.StatusCode != tc.status || !slices.Equal(got, tc.want) {
				t.Errorf("status %d, plugins %v, want %d, %v", res.StatusCode, got, tc.status, tc.want)
			}
		})
	}
}
