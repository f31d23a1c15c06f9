package wasmfilter_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/modules/moduletest"

	_ "github.com/loom-gateway/loom/modules/proxy"
)

// proxied is a gateway with the probe in front of loom_proxy: a proxy panics where a plain handler returns.
func proxied(t *testing.T, script, limits string, backend http.HandlerFunc) string {
	t.Helper()
	b := httptest.NewServer(backend)
	t.Cleanup(b.Close)
	plugin := `{"path":` + moduletest.Quote(probePath(t)) + `,"config":` + moduletest.Quote(script) + `,"limits":` + limits + `}`
	upstream := `{"endpoints":[{"address":"` + strings.TrimPrefix(b.URL, "http://") + `"}]}`
	return moduletest.Provision(t, moduletest.HTTP(`{"plugins":{"p":`+plugin+`},"upstreams":{"backend":`+upstream+`}}`,
		`{"handler":"loom_wasm","plugins":[{"name":"p"}]}`, `{"handler":"loom_proxy","upstream":"backend"}`)).Start().URL(moduletest.ServerName)
}

func fetch(method, url, body string, header ...string) (int, string, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	return res.StatusCode, string(data), err
}

// Whatever ends an exchange early behind a proxy, the client gets a whole answer that says so.
func TestEarlyEndsBehindAProxy(t *testing.T) {
	t.Parallel()
	small := func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "backend got %q", data)
	}
	big := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "300000")
		_, _ = io.WriteString(w, strings.Repeat("x", 300_000))
	}
	const impatient, narrow = `{"pause_timeout":"100ms"}`, `{"body":20000}`
	for _, tc := range []struct {
		name, script, limits string
		backend              http.HandlerFunc
		method, body         string
		header               []string
		status               int
		want                 string
	}{
		{"reply to response headers", "response_headers: reply 403 hidden", `{}`, small, "GET", "", nil, 403, "hidden"},
		{"reply to a big response", "response_headers: reply 403 hidden", `{}`, big, "GET", "", nil, 403, "hidden"},
		{"reply to a response body", "response_body: reply 403 hidden", `{}`, small, "GET", "", nil, 403, "hidden"},
		{"trap in response headers", "response_headers: trap", `{}`, small, "GET", "", nil, 503, ""},
		{"trap in a response body", "response_body: trap", `{}`, small, "GET", "", nil, 503, ""},
		{"response over the limit", "response_body: return 1", narrow, big, "GET", "", nil, 500, ""},
		{"response headers held for ever", "response_headers: return 1", impatient, small, "GET", "", nil, 504, ""},
		{"response body held for ever", "response_body: return 1", impatient, small, "GET", "", nil, 504, ""},
		{"request over the limit", "request_body: return 1", narrow, small, "POST", strings.Repeat("y", 100_000), nil, 413, ""},
		{"a body is inspected", "request_body: reply 403 blocked", `{}`, small, "POST", "evil", nil, 403, "blocked"},
		{"also with an Upgrade header", "request_body: reply 403 blocked", `{}`, small, "POST", "evil", []string{"Connection", "Upgrade", "Upgrade", "x"}, 403, "blocked"},
		{"also with half of one", "request_body: reply 403 blocked", `{}`, small, "POST", "evil", []string{"Upgrade", "x"}, 403, "blocked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			status, body, err := fetch(tc.method, proxied(t, tc.script, tc.limits, tc.backend), tc.body, tc.header...)
			if err != nil || status != tc.status || body != tc.want {
				t.Errorf("%d %.80q, %v; want %d %q", status, body, err, tc.status, tc.want)
			}
		})
	}
}
