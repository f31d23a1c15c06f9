package wasmfilter_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"

	_ "github.com/loom-gateway/loom/modules/proxy"
	_ "github.com/loom-gateway/loom/modules/router"
)

// A plugin of Higress sees the endpoints of its route's upstream and picks one of them.
func TestAPluginPicksTheEndpoint(t *testing.T) {
	t.Parallel()
	backend := func(answer string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://")
	}
	first, second := backend("first"), backend("second")
	probe, err := filepath.Abs("../../plugins/probe-higress/probe-higress.wasm")
	if err != nil {
		t.Fatal(err)
	}
	script := "request_headers: hosts; override 192.0.2.1:80; override " + second + "\nresponse_headers: override " + first
	c := moduletest.Provision(t, moduletest.HTTP(
		`{"upstreams":{"both":{"endpoints":[{"address":`+moduletest.Quote(first)+`},{"address":`+moduletest.Quote(second)+`}]}},
		"plugins":{"picks":{"path":`+moduletest.Quote(probe)+`,"config":`+moduletest.Quote(script)+`}}}`,
		`{"handler":"loom_router","routes":[{"id":"all","paths":["/*"],"handle":[
			{"handler":"loom_wasm","plugins":[{"name":"picks"}]},{"handler":"loom_proxy","upstream":"both"}]}]}`)).Start()
	for range 4 {
		if status, body := get(t, c); status != 200 || body != "second" {
			t.Errorf("%d %q", status, body)
		}
	}
	for _, line := range []string{
		`hosts -> 0 2 ` + first + `=\"{\\x22health_status\\x22:\\x22Healthy\\x22`, `override 192.0.2.1:80 -> 1`, `override ` + second + ` -> 0`,
		`override ` + first + ` -> 1`,
	} {
		if !strings.Contains(c.Logs(), line) {
			t.Errorf("the log has no %q", line)
		}
	}
}
