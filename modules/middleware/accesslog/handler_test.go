package accesslog_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	_ "github.com/loom-gateway/loom/modules/gateway"
	_ "github.com/loom-gateway/loom/modules/middleware/accesslog"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/proxy"
	_ "github.com/loom-gateway/loom/modules/router"
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
	line := ""
	for deadline := time.Now().Add(10 * time.Second); line == "" && time.Now().Before(deadline); {
		for l := range strings.Lines(c.Logs()) {
			if strings.Contains(l, `"http.log.access"`) {
				line = l
			}
		}
	}
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
