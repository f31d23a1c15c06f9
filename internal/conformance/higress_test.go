package conformance

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/redis/redistest"
	"github.com/loom-gateway/loom/internal/upstream"
)

// higressPlugins: Higress' plugins are no modules that the Go proxy serves, but its wrapper and its SDK are. The guest in
// testdata/higress does on them what its key-auth, request-block, transformer, ext-auth and rate-limit plugins do.
func higressPlugins(s *suite) {
	s.check("Y-06", 1, "A plugin on Higress' own Go wrapper and SDK (ABI 0.2.100) loads and acts: _rules_, keys, blocked URLs, bodies, calls, Redis", func(t *testing.T) {
		code := guestbuild.Go(t, "testdata/higress")
		t.Run("rules", func(t *testing.T) { higressRules(t, code) })
		t.Run("bodies", func(t *testing.T) { higressBodies(t, code) })
		t.Run("calls", func(t *testing.T) { higressCalls(t, code) })
		t.Run("Redis", func(t *testing.T) { higressRedis(t, code) })
		t.Run("mistakes", func(t *testing.T) {
			if _, err := tryServe(t, setup{plugins: []plugin.Spec{higress(code, `{"block_urls": []}`)}}); err == nil {
				t.Error("a configuration without a name is accepted")
			}
		})
	})
}

func higress(code []byte, config string) plugin.Spec {
	return plugin.Spec{Name: "gate", Code: code, Config: config, Instances: 2, Profile: "higress"}
}

// on sends a request to a host of the gateway.
func (g *gateway) on(t *testing.T, host, path string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, g.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, res.Trailer, string(body)}
}

func higressRules(t *testing.T, code []byte) {
	g := serve(t, setup{plugins: []plugin.Spec{higress(code, `{
		"name": "global", "_rules_": [
			{"_match_domain_": ["a.test"], "name": "a", "keys": {"ann": "k1"}},
			{"_match_domain_": ["*.b.test"], "name": "b", "block_urls": ["/admin"]}
		]}`)}, backend: func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "consumer="+r.Header.Get("X-Mse-Consumer"))
	}})
	for name, c := range map[string]struct {
		got          answer
		status       int
		gate, inBody string
	}{
		"the global configuration": {g.on(t, "c.test", "/admin"), 200, "global", "consumer="},
		"a rule without its key":   {g.on(t, "a.test:8080", "/"), 401, "none", "unknown key"},
		"a rule with a wrong key":  {g.on(t, "a.test", "/", "X-Api-Key", "k2"), 401, "none", "unknown key"},
		"a rule with its key":      {g.on(t, "a.test", "/", "X-Api-Key", "k1"), 200, "a", "consumer=ann"},
		"a rule that blocks":       {g.on(t, "x.b.test", "/admin/users"), 403, "none", "blocked"},
		"a rule that does not":     {g.on(t, "x.b.test", "/users"), 200, "b", "consumer="},
	} {
		if c.got.status != c.status || c.got.header.Get("X-Gate") != c.gate || c.got.body != c.inBody {
			t.Errorf("%s: %d %v %q", name, c.got.status, c.got.header, c.got.body)
		}
	}
}

func higressBodies(t *testing.T, code []byte) {
	g := serve(t, setup{plugins: []plugin.Spec{higress(code, `{"name": "wrap"}`)}})
	big := `["` + strings.Repeat("x", 100_000) + `"]`
	for _, body := range []string{`{"a":1}`, big} {
		want := `{"name":"wrap","body":` + body + `}`
		a := g.do(t, http.MethodPost, "/", strings.NewReader(body), "Content-Type", "application/json")
		if !strings.HasSuffix(a.body, " body="+want) {
			t.Errorf("%d %.200q", a.status, a.body)
		}
	}
	if a := g.do(t, http.MethodPost, "/", strings.NewReader("{"), "Content-Type", "application/json"); a.status != http.StatusBadRequest || a.body != "no JSON" {
		t.Errorf("a body that is no JSON: %d %q", a.status, a.body)
	}
}

func higressCalls(t *testing.T, code []byte) {
	auth := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("path") == "/secret" || r.Header.Get("X-From") != "gate" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "not you")
			return
		}
		w.Header().Set("X-User", "ann")
	}))
	t.Cleanup(auth.Close)
	g := serve(t, setup{
		plugins:   []plugin.Spec{higress(code, `{"name": "auth", "auth": "auth.dns"}`)},
		upstreams: map[string]upstream.Settings{"auth": at(auth.URL)},
		backend:   func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "user="+r.Header.Get("X-User")) },
	})
	if a := g.on(t, "a.test", "/"); a.status != http.StatusOK || a.body != "user=ann" {
		t.Errorf("%d %q", a.status, a.body)
	}
	if a := g.on(t, "a.test", "/secret"); a.status != http.StatusForbidden || a.body != "auth: not you" {
		t.Errorf("%d %q", a.status, a.body)
	}
}

// higressRedis counts requests in a real Redis, for all instances and plugins together.
func higressRedis(t *testing.T, code []byte) {
	server := redistest.Start(t, "--requirepass", "secret")
	g := serve(t, setup{
		plugins:   []plugin.Spec{higress(code, `{"name": "quota", "redis": "redis.static", "password": "secret", "limit": 3}`)},
		upstreams: map[string]upstream.Settings{"redis": at(server.Addr)},
	})
	for i, want := range []int{200, 200, 200, 429, 429} {
		if a := g.on(t, "a.test", "/"); a.status != want {
			t.Errorf("request %d: %d %q, want %d", i+1, a.status, a.body, want)
		}
	}
	if a := g.on(t, "b.test", "/"); a.status != http.StatusOK {
		t.Errorf("another host: %d %q", a.status, a.body)
	}
	server.Stop()
	if a := g.on(t, "b.test", "/"); a.status != http.StatusServiceUnavailable || a.body != "cannot connect to redis cluster" {
		t.Errorf("without Redis: %d %q", a.status, a.body)
	}
}
