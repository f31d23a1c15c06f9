package conformance

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/upstream"
)

// rustPlugins are the SDK's own examples, of two releases; see testdata/sdk.
func rustPlugins(s *suite) {
	s.check("Y-01", 1, "The examples of Rust's SDK 0.2.0 (ABI 0.2.1) run unmodified: hello_world, http_auth_random, http_body, http_config, http_headers (no package has grpc_auth_random)",
		func(t *testing.T) { rustExamples(t, "rust-0.2.0", "0.2.1") })
	s.check("Y-13", 1, "The examples of Rust's SDK 0.1.4 (ABI 0.1.0) run unmodified, also for requests without the headers that they look up",
		func(t *testing.T) { rustExamples(t, "rust-0.1.4", "0.1.0") })
}

func rustExamples(t *testing.T, release, abiVersion string) {
	example := func(name, config string) plugin.Spec {
		return plugin.Spec{Name: name, Code: readFile(t, filepath.Join("testdata/sdk", release, name+".wasm")), Config: config, Instances: 2}
	}
	for _, name := range []string{"hello_world", "http_auth_random", "http_body", "http_config", "http_headers"} {
		marker := "proxy_abi_version_" + strings.ReplaceAll(abiVersion, ".", "_")
		if !strings.Contains(string(example(name, "").Code), marker) {
			t.Errorf("%s is no module of ABI %s", name, abiVersion)
		}
	}
	t.Run("hello_world", func(t *testing.T) { rustHello(t, example("hello_world", "")) })
	t.Run("http_auth_random", func(t *testing.T) { rustAuth(t, example("http_auth_random", "")) })
	t.Run("http_body", func(t *testing.T) { rustBody(t, example("http_body", "")) })
	t.Run("http_config", func(t *testing.T) { rustConfig(t, example("http_config", "from the configuration")) })
	t.Run("http_headers", func(t *testing.T) { rustHeaders(t, example("http_headers", "")) })
}

// unharmed fails the check when an instance has failed.
func (g *gateway) unharmed(t *testing.T) {
	t.Helper()
	for _, p := range g.plugins {
		if n := p.Snapshot().Traps; n > 0 {
			t.Errorf("an instance failed %d times: %v", n, g.messages())
		}
	}
}

// rustHello logs at its start and, after five seconds, from its timer. It has no HTTP contexts: it is one of those plugins
// that Envoy runs as a service of its own.
func rustHello(t *testing.T, spec plugin.Spec) {
	g := serve(t, setup{plugins: []plugin.Spec{spec}})
	g.says(t, "Hello, World!")
	eventually(t, "the timer's line in the log", func() bool {
		return g.logs.FilterMessageSnippet("lucky number").Len() > 0
	})
	g.unharmed(t)
}

// rustAuth lets a request through when the byte that another server answers is even.
func rustAuth(t *testing.T, spec plugin.Spec) {
	for answered, want := range map[string]struct {
		status int
		body   string
	}{"\x02": {http.StatusOK, "GET /p"}, "\x03": {http.StatusForbidden, "Access forbidden.\n"}, "": {http.StatusForbidden, "Access forbidden.\n"}} {
		random := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.RequestURI != "/bytes/1" || r.Host != "httpbin.org" {
				t.Errorf("the plugin called %s %s of %s", r.Method, r.RequestURI, r.Host)
			}
			_, _ = w.Write([]byte(answered))
		}))
		g := serve(t, setup{plugins: []plugin.Spec{spec}, upstreams: map[string]upstream.Settings{"httpbin": at(random.URL)}})
		a := g.do(t, http.MethodGet, "/p", nil)
		if a.status != want.status || !strings.HasPrefix(a.body, want.body) || a.header.Get("Powered-By") != "proxy-wasm" {
			t.Errorf("after %q: %d %q %v", answered, a.status, a.body, a.header)
		}
		g.unharmed(t)
		random.Close()
	}
}

// rustBody replaces a response that has the word secret in it, and leaves others alone.
func rustBody(t *testing.T, spec plugin.Spec) {
	g := serve(t, setup{plugins: []plugin.Spec{spec}})
	open := g.do(t, http.MethodPost, "/p", strings.NewReader("nothing to see"))
	if open.status != http.StatusOK || !strings.HasSuffix(open.body, "body=nothing to see") {
		t.Errorf("%d %q", open.status, open.body)
	}
	hidden := g.do(t, http.MethodPost, "/p", strings.NewReader("a secret"))
	if !regexp.MustCompile(`^Original message body \(\d+ bytes\) redacted\.$`).MatchString(hidden.body) {
		t.Errorf("%d %q", hidden.status, hidden.body)
	}
	if a := g.do(t, http.MethodHead, "/p", nil); a.status != http.StatusOK || a.body != "" {
		t.Errorf("HEAD: %d %q", a.status, a.body)
	}
	g.unharmed(t)
}

func rustConfig(t *testing.T, spec plugin.Spec) {
	g := serve(t, setup{plugins: []plugin.Spec{spec}})
	if a := g.do(t, http.MethodGet, "/p", nil); a.header.Get("Custom-Header") != "from the configuration" {
		t.Errorf("%d %v", a.status, a.header)
	}
	g.unharmed(t)
}

// rustHeaders logs every header and answers one path by itself.
func rustHeaders(t *testing.T, spec plugin.Spec) {
	g := serve(t, setup{plugins: []plugin.Spec{spec}})
	a := g.do(t, http.MethodGet, "/hello", nil)
	if a.status != http.StatusOK || a.body != "Hello, World!\n" || a.header.Get("Hello") != "World" || a.header.Get("Powered-By") != "proxy-wasm" {
		t.Errorf("%d %q %v", a.status, a.body, a.header)
	}
	if a := g.do(t, http.MethodGet, "/p", nil, "X-A", "1"); a.status != http.StatusOK || !strings.HasPrefix(a.body, "GET /p") {
		t.Errorf("%d %q", a.status, a.body)
	}
	for _, line := range []string{" -> :path: /hello", " -> x-a: 1", " <- :status: 200", " <- x-backend: yes", " completed."} {
		g.says(t, line)
	}
	g.unharmed(t)
}
