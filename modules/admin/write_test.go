package admin_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/wasmfilter"
)

const token = "a-token-of-more-than-16-bytes"

// writable is a gateway with a plugin of that name, and a request that takes it out of service.
func writable(t *testing.T, plugin, adminSettings string) (c *moduletest.Caddy, del func(target string, edit func(*http.Request)) (*http.Response, map[string]any)) {
	t.Helper()
	c = moduletest.Provision(t, moduletest.HTTP(`{"plugins": {"`+plugin+`": {"bundled": "rate-limit", "instances": 1}}}`, `{"handler": "loom_admin"`+adminSettings+`}`))
	return c, func(target string, edit func(*http.Request)) (*http.Response, map[string]any) {
		r := request(http.MethodDelete, target)
		if edit != nil {
			edit(r)
		}
		return ask(t, c, r)
	}
}

func isDisabled(c *moduletest.Caddy) bool {
	return c.App("loom").(*gateway.App).PluginSnapshots()[0].Disabled
}

// Who may write: a client on this machine, or one that shows the token.
func TestWhoMayWrite(t *testing.T) {
	t.Parallel()
	unix := func(r *http.Request) {
		ctx := context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.UnixAddr{Name: "/run/x", Net: "unix"}))
		*r = *r.WithContext(ctx)
		r.RemoteAddr = "@"
	}
	header := func(from, name, value string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = from; r.Header.Set(name, value) }
	}
	from := func(address string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = address } }
	for _, test := range []struct {
		name           string
		edit           func(*http.Request)
		open, withOnly int // status without, and with a token in the config
	}{
		{"from elsewhere", from("192.0.2.1:1234"), 403, 401},
		{"from 127.0.0.1", from("127.0.0.1:1234"), 200, 200},
		{"from ::1", from("[::1]:1234"), 200, 200},
		{"from a mapped loopback", from("[::ffff:127.0.0.1]:1234"), 200, 200},
		{"over a unix socket", unix, 200, 200},
		{"no address", from("@"), 403, 401},
		{"through a proxy here", header("127.0.0.1:1", "X-Forwarded-For", "192.0.2.1"), 403, 401},
		{"through a proxy that says Forwarded", header("127.0.0.1:1", "Forwarded", "for=192.0.2.1"), 403, 401},
		{"the header of a proxy from elsewhere", header("192.0.2.1:1", "X-Forwarded-For", "127.0.0.1"), 403, 401},
		{"the token", header("192.0.2.1:1", "Authorization", "Bearer "+token), 401, 200},
		{"the token in another case of the scheme", header("192.0.2.1:1", "Authorization", "bearer "+token), 401, 200},
		{"a wrong token", header("192.0.2.1:1", "Authorization", "Bearer "+token+"x"), 401, 401},
		{"a wrong token from here", header("127.0.0.1:1", "Authorization", "Bearer x"), 401, 401},
		{"an empty token", header("192.0.2.1:1", "Authorization", "Bearer "), 401, 401},
		{"a password", header("192.0.2.1:1", "Authorization", "Basic "+token), 401, 401},
		{"a page of another site", header("127.0.0.1:1", "Origin", "http://evil.example"), 403, 403},
		{"a form of another site", header("127.0.0.1:1", "Sec-Fetch-Site", "cross-site"), 403, 403},
		{"a rebound name", func(r *http.Request) { r.RemoteAddr, r.Host = "127.0.0.1:1", "evil.example:9091" }, 403, 403},
		{"the own page", header("127.0.0.1:1", "Origin", "http://localhost:9091"), 200, 200},
	} {
		for settings, want := range map[string]int{"": test.open, `, "token": "` + token + `"`: test.withOnly} {
			c, del := writable(t, "who-may-write", settings)
			res, answer := del("/plugins/who-may-write", test.edit)
			if res.StatusCode != want || isDisabled(c) != (want == 200) {
				t.Errorf("%s, settings %q: %d %v, want %d; disabled %v", test.name, settings, res.StatusCode, answer, want, isDisabled(c))
			}
			if challenge := res.Header.Get("WWW-Authenticate"); (challenge != "") != (want == 401) {
				t.Errorf("%s: challenge %q with %d", test.name, challenge, res.StatusCode)
			}
			c.Close()
		}
	}
}

func local(r *http.Request) { r.RemoteAddr = "127.0.0.1:1234" }

func TestBodies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, method, kind, body string
		unknownLength            bool
		want                     int
	}{
		{"none", "DELETE", "", "", false, 200},
		{"as written", "DELETE", "application/json", `{"force": true}`, false, 200},
		{"with a charset", "DELETE", "application/json; charset=utf-8", `{}`, false, 200},
		{"a form", "DELETE", "application/x-www-form-urlencoded", "force=true", false, 415},
		{"text", "DELETE", "text/plain", `{"force": true}`, false, 415},
		{"no type", "DELETE", "", `{"force": true}`, false, 415},
		{"no JSON", "DELETE", "application/json", `force`, false, 400},
		{"an unknown field", "DELETE", "application/json", `{"forse": true}`, false, 400},
		{"another type", "DELETE", "application/json", `{"force": "yes"}`, false, 400},
		{"too large", "DELETE", "application/json", strings.Repeat(" ", 5000) + `{}`, false, 413},
		{"too large, of unknown length", "DELETE", "application/json", strings.Repeat(" ", 5000) + `{}`, true, 413},
		{"a read with a body", "GET", "text/plain", "hello", false, 200},
		{"a read with a large body", "GET", "text/plain", strings.Repeat("x", 5000), false, 413},
	} {
		c, _ := writable(t, "bodies", "")
		r := httptest.NewRequest(test.method, "/plugins/bodies", strings.NewReader(test.body))
		r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
		if test.unknownLength {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewBufferString(test.body)), -1
		}
		if test.kind != "" {
			r.Header.Set("Content-Type", test.kind)
		}
		res, answer := ask(t, c, r)
		if res.StatusCode != test.want || isDisabled(c) != (test.want == 200 && test.method == "DELETE") {
			t.Errorf("%s: %d %v, want %d", test.name, res.StatusCode, answer, test.want)
		}
		c.Close()
	}
}

// A plugin that routes have is taken from them only by force; then its failure policy answers, until a config is loaded.
func TestDisable(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]int{"closed": 503, "open": 200} {
		config := moduletest.HTTP(`{"plugins": {"disable-`+policy+`": {"bundled": "rate-limit", "instances": 1, "failure_policy": "`+policy+`"}}}`,
			`{"handler": "subroute", "routes": [{"match": [{"path": ["/plugins/*"]}], "handle": [{"handler": "loom_admin"}]}]}`,
			`{"handler": "loom_wasm", "plugins": [{"name": "disable-`+policy+`"}]}`, `{"handler": "static_response", "body": "passed"}`)
		c := moduletest.Provision(t, config).Start()
		name := "disable-" + policy
		del := func(target string) (*http.Response, map[string]any) {
			r := request(http.MethodDelete, target)
			local(r)
			return ask(t, c, r)
		}
		res, answer := del("/plugins/" + name)
		if res.StatusCode != http.StatusConflict || answer["detail"] != "plugin is in use: 1 handlers outside of loom_router have it: add ?force=true to take it from them" {
			t.Errorf("%s: %d %v", policy, res.StatusCode, answer)
		}
		if got := status(c); got != 200 {
			t.Errorf("%s: after the refusal %d", policy, got)
		}
		for range 2 { // again is no error
			res, answer = del("/plugins/" + name + "?force=true")
			if res.StatusCode != http.StatusOK || moduletest.Quote(answer) !=
				`{"disabled":true,"failure_policy":"`+policy+`","name":"`+name+`","persistent":false,"routes":[]}` {
				t.Errorf("%s: %d %v", policy, res.StatusCode, answer)
			}
		}
		if got := status(c); got != want {
			t.Errorf("%s: disabled, a request gets %d, want %d", policy, got, want)
		}
		next := moduletest.Provision(t, config) // the same plugin, in a config that is not accepted yet
		if got := status(c); got != want {
			t.Errorf("%s: before the next config has started %d, want %d", policy, got, want)
		}
		next.Start()
		if got := status(c); got != 200 || isDisabled(c) {
			t.Errorf("%s: with the next config %d", policy, got)
		}
		if !strings.Contains(c.Logs(), "plugin disabled until a configuration is loaded") || !strings.Contains(next.Logs(), "plugin enabled again") {
			t.Errorf("%s: the logs do not tell", policy)
		}
	}
}

func status(c *moduletest.Caddy) int {
	res := c.Serve(httptest.NewRequest(http.MethodGet, "http://localhost/", nil))
	defer res.Body.Close()
	return res.StatusCode
}

func TestForceIsABoolean(t *testing.T) {
	t.Parallel()
	c, del := writable(t, "force", "")
	if res, answer := del("/plugins/force?force=yes", local); res.StatusCode != http.StatusBadRequest || isDisabled(c) {
		t.Errorf("%d %v", res.StatusCode, answer)
	}
}
