package cmd

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	_ "github.com/loom-gateway/loom/caddyfile"
	"github.com/loom-gateway/loom/internal/adminclient"
	_ "github.com/loom-gateway/loom/loomadapter"
)

// The admin API is found in every form of a config.
func TestConfiguredAdmin(t *testing.T) {
	t.Parallel()
	const head = "listeners: [{address: \":8080\"}]\nroutes: [{path: /, respond: hi}]\n"
	for _, test := range []struct{ name, text, want string }{
		{"loom.yaml", head + "admin: {}\n", "127.0.0.1:9091"},
		{"other.yml", head + "admin: {address: \":9191\"}\n", "127.0.0.1:9191"},
		{"v6.yaml", head + "admin: {address: \"[::1]:9191\"}\n", "[::1]:9191"},
		{"unix.yaml", head + "admin: {address: \"unix//run/loom.sock\"}\n", "unix//run/loom.sock"},
		{"Caddyfile", "http://:9292 {\n\tloom_admin\n}\n", "127.0.0.1:9292"},
		{"caddy.json", `{"apps":{"http":{"servers":{"a":{"listen":[":1"],"routes":[]},"b":{"listen":["10.0.0.1:9393"],"routes":[{"handle":[{"handler":"subroute","routes":[{"handle":[{"handler":"loom_admin"}]}]}]}]}}}}}`, "10.0.0.1:9393"},
		{"none.yaml", head, "error: none.yaml: it has no admin API: add a section `admin: {}`, or name an address with --address"},
		{"broken.yaml", "listeners: {", "error: looking for the admin API in broken.yaml (--address names it without)"},
	} {
		path := filepath.Join(t.TempDir(), test.name)
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := configuredAdmin(path, "")
		if err != nil {
			got = "error: " + strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "")
		}
		if got != test.want && (err == nil || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// fake answers as the API does, with counters that grow by 10 at each look.
func fake(t *testing.T) *adminclient.Client {
	t.Helper()
	var looks atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := strings.Repeat("1", int(looks.Load())+1)
		answer := map[string]string{
			"/info":   `{"loom":"v1","uptime_seconds":61.5,"config":{"digest":"0123456789abcdef","last_reload":{"successful":false}}}`,
			"/routes": `{"routes":[{"id":"api","paths":["/api/*"],"methods":["GET","POST"],"hosts":["a.example"],"headers":["x-v"],"plugins":["p","q"],"upstream":"u","timeout_seconds":1.5},{"id":"rest"}]}`,
			"/upstreams": `{"upstreams":[{"name":"u","latency":{"p99_seconds":0.0123456},"endpoints":[
				{"address":"10.0.0.1:80","weight":2,"in_flight":3,"requests":` + n + `,"responses":{"2xx":4,"5xx":2,"error":1},"available":true,"health":"healthy","circuit_breaker":"closed","connections":{"active":3,"idle":4}},
				{"address":"10.0.0.2:80","weight":1,"available":false,"circuit_breaker":"open","last_error":"refused\u001b[2J"}]}]}`,
			"/plugins": `{"plugins":[{"name":"p","version":"1.2","sha256":"abcdefabcdefabcdef","breaker":{"state":"half_open"},"traps":1,"routes":["api"],
				"cost":{"start":{"calls":9,"seconds":9,"p99_seconds":9},"on_request_headers":{"calls":` + n + `,"seconds":0.0011,"p99_seconds":0.000250}},
				"instances":[{"memory_bytes":1048576},{"memory_bytes":524288,"failure":"trap"}]}]}`,
		}[r.URL.Path]
		if r.URL.Path == "/plugins" {
			looks.Add(1)
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(s.Close)
	c, err := adminclient.New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTables(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		print table
		want  string
	}{
		"routes": {printRoutes, `ROUTE  METHODS   MATCH                 PLUGINS  UPSTREAM  TIMEOUT
api    GET,POST  a.example/api/* x-v:  p,q      u         1.5s
rest   all       /*                    -        -         -
`},
		"upstreams": {printUpstreams, `UPSTREAM  ENDPOINT     WEIGHT  HEALTH   BREAKER  REQUESTS  ERRORS  IN FLIGHT  CONNECTIONS  LAST ERROR
u         10.0.0.1:80  2       healthy  closed   1         3       3          3+4 idle     -
u         10.0.0.2:80  1       out      open     0         0       0          0+0 idle     refused?[2J
`},
		"plugins": {printPlugins, `PLUGIN  VERSION  SHA256        STATE          BREAKER    INSTANCES  MEMORY   CALLS  MEAN   P99    TRAPS  ROUTES
p       1.2      abcdefabcdef  1 of 2 usable  half-open  2          1.5 MiB  1      1.1ms  250µs  1      api
`},
	} {
		var out bytes.Buffer
		if err := test.print(t.Context(), fake(t), &out); err != nil || out.String() != test.want {
			t.Errorf("%s: %v\n%swant\n%s", name, err, out.String(), test.want)
		}
	}
}

// Into a pipe top prints once, with rates, and nothing that moves a cursor.
func TestTopInAPipe(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := (&top{client: fake(t), out: &out, interval: 10 * time.Millisecond}).run(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if strings.Count(text, "UPSTREAM") != 1 || strings.ContainsRune(text, '\x1b') || !strings.Contains(text, "config 0123456789ab   the last reload was refused") {
		t.Errorf("printed\n%s", text)
	}
	lines := strings.Split(text, "\n")
	if rate := strings.Fields(lines[3])[4]; rate == "-" || rate == "0.0" { // 10 more requests than at the first look
		t.Errorf("requests per second %q in\n%s", rate, text)
	}
}

// On a terminal it goes on until it is interrupted, and leaves the cursor as it was.
func TestTopIsLive(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &stopAfter{screens: 3, stop: cancel}
	if err := (&top{client: fake(t), out: out, interval: time.Millisecond}).run(ctx, true); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.HasPrefix(text, hideCursor) || !strings.HasSuffix(text, showCursor) || strings.Count(text, "PLUGIN") < 3 {
		t.Errorf("printed %q", text)
	}
}

// stopAfter interrupts when so many screens were cleared.
type stopAfter struct {
	bytes.Buffer
	screens int
	stop    func()
}

func (s *stopAfter) Write(p []byte) (int, error) {
	n, err := s.Buffer.Write(p)
	if strings.Count(s.String(), "TRAPS") >= s.screens {
		s.stop()
	}
	return n, err
}
