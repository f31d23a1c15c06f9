package admin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/moduletest"
)

// FuzzRequests sends what a hostile client could from another machine without the token. Whatever it is, the answer is one that
// the OpenAPI document has, nothing is written, and what is asked for under a name that is not allowed is refused.
func FuzzRequests(f *testing.F) {
	f.Add("GET", "/routes/users%2Flist", "localhost:9091", "Origin: http://localhost:9091", "")
	f.Add("DELETE", "/plugins/limit?force=true", "127.0.0.1", "Authorization: Bearer x", `{"force": true}`)
	f.Add("DELETE", "/plugins/limit?force=true", "127.0.0.1", "X-Forwarded-For: 127.0.0.1", "")
	f.Add("DELETE", "/plugins/limit?force=1&force=0;x", "[::1]:9091", "Content-Type: application/json", `{"force":`)
	f.Add("GET", "/plugins/..%2f%00", "evil.example", "Sec-Fetch-Site: cross-site", "")
	f.Add("GET", "//health", "localhost.", "Content-Length: 99999999", strings.Repeat("x", 5000))
	f.Add("OPTIONS", "/", "a.localhost", "Access-Control-Request-Method: DELETE", "")
	f.Add("GET", "/page.js", "[::ffff:1.2.3.4%25eth0]:1", "Range: bytes=0-1", "")
	c := provision(f).Start()
	api, app := document(f), c.App("loom").(*gateway.App)
	server := c.App("http").(*caddyhttp.App).Servers[moduletest.ServerName]
	f.Fuzz(func(t *testing.T, method, target, host, header, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || host == "" || strings.ContainsAny(method+host, " \r\n\t") || method == "" { // net/http refuses it
			return
		}
		r := &http.Request{
			Method: method, URL: u, Host: host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RequestURI: target, RemoteAddr: "192.0.2.1:1234",
			Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}
		if name, value, ok := strings.Cut(header, ": "); ok {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r.WithContext(t.Context()))
		res, answer := w.Result(), w.Body.Bytes()
		defer res.Body.Close()
		inAPI := api.Known(u.EscapedPath()) || res.StatusCode >= http.StatusBadRequest
		if inAPI && res.StatusCode != http.StatusBadRequest { // Caddy refuses some of them itself, with an empty 400
			api.Check(t, r, res, answer)
		}
		if app.PluginSnapshots()[0].Disabled {
			t.Fatalf("%s %s with %q from elsewhere has disabled the plugin", method, target, header)
		}
		if strings.HasSuffix(strings.TrimSuffix(strings.ToLower(host), "."), ".example") && res.StatusCode < http.StatusBadRequest {
			t.Fatalf("host %q is answered", host)
		}
	})
}

// The fuzz target would see a plugin that is disabled.
func TestTheFuzzTargetCanFail(t *testing.T) {
	t.Parallel()
	c, del := writable(t, "fuzz-can-fail", "")
	if res, answer := del("/plugins/fuzz-can-fail?force=true", local); res.StatusCode != http.StatusOK || !isDisabled(c) {
		t.Errorf("%d %v", res.StatusCode, moduletest.Quote(answer))
	}
}
