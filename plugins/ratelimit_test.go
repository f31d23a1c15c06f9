package plugins_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
)

// slow is a limit that gives nothing back while a test runs.
const slow = `"requests_per_second": 0.001`

func TestRateLimit(t *testing.T) {
	t.Parallel()
	eachBuild(t, "rate-limit", testRateLimit)
}

func testRateLimit(t *testing.T, code []byte) {
	start := func(t *testing.T, config string, backend http.HandlerFunc) func(headers ...string) answer {
		t.Helper()
		p, logs, err := open(t, plugin.Spec{Name: "rate-limit", Code: code, Config: config, Instances: 4})
		if err != nil {
			t.Fatal(err, logs.All())
		}
		server := serve(t, p, config, backend)
		return func(headers ...string) answer { return get(t, server, headers...) }
	}

	t.Run("requests over the burst are refused", func(t *testing.T) {
		t.Parallel()
		var reached atomic.Int32
		ask := start(t, `{`+slow+`, "burst": 3}`, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
		for _, remaining := range []string{"2", "1", "0"} {
			a := ask()
			if a.status != http.StatusOK || a.header.Get("RateLimit-Remaining") != remaining || a.header.Get("RateLimit-Limit") != "3" {
				t.Errorf("got %d %v, want 200 with %s of 3 remaining", a.status, a.header, remaining)
			}
		}
		a := ask()
		if a.status != http.StatusTooManyRequests || a.header.Get("RateLimit-Remaining") != "0" || !strings.Contains(a.body, "Too many requests") {
			t.Errorf("got %d %v %q, want 429", a.status, a.header, a.body)
		}
		if seconds := a.header.Get("Retry-After"); seconds != "1000" && seconds != "999" {
			t.Errorf("Retry-After is %q, one request takes 1000 s", seconds)
		}
		if reached.Load() != 3 {
			t.Errorf("the backend saw %d requests, want 3", reached.Load())
		}
	})

	t.Run("all instances count together", func(t *testing.T) {
		t.Parallel()
		const burst, clients, each = 37, 10, 10
		ask := start(t, `{`+slow+`, "burst": 37, "key": "global"}`, func(http.ResponseWriter, *http.Request) {})
		var passed, refused atomic.Int32
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for range each {
					switch ask().status {
					case http.StatusOK:
						passed.Add(1)
					case http.StatusTooManyRequests:
						refused.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if passed.Load() != burst || refused.Load() != clients*each-burst {
			t.Errorf("%d passed and %d were refused, want %d and %d", passed.Load(), refused.Load(), burst, clients*each-burst)
		}
	})

	t.Run("keys", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			key            string
			headers, other []string
			apart          bool
		}{
			{key: `"client_ip"`, other: []string{"X-Api-Key", "b"}},
			{key: `"global"`, headers: []string{routeHeader, "a"}, other: []string{routeHeader, "b"}},
			{key: `"header:X-Api-Key"`, headers: []string{"X-Api-Key", "a"}, other: []string{"x-api-key", "b"}, apart: true},
			{key: `"header:X-Api-Key"`, headers: []string{"X-Other", "a"}, other: []string{"X-Other", "b"}},
			{key: `"route"`, headers: []string{routeHeader, "a"}, other: []string{routeHeader, "b"}, apart: true},
			{key: `["client_ip", "route"]`, headers: []string{routeHeader, "a"}, other: []string{routeHeader, "b"}, apart: true},
			{key: `"method"`, headers: []string{"X-Other", "a"}},
			{key: `"path"`},
			{key: `"host"`},
		} {
			ask := start(t, `{`+slow+`, "burst": 1, "key": `+c.key+`}`, func(http.ResponseWriter, *http.Request) {})
			if a := ask(c.headers...); a.status != http.StatusOK {
				t.Errorf("%s: the first request got %d", c.key, a.status)
			}
			if a := ask(c.headers...); a.status != http.StatusTooManyRequests {
				t.Errorf("%s: the same key again got %d", c.key, a.status)
			}
			want := http.StatusTooManyRequests
			if c.apart {
				want = http.StatusOK
			}
			if a := ask(c.other...); a.status != want {
				t.Errorf("%s: with %q after %q got %d, want %d", c.key, c.other, c.headers, a.status, want)
			}
		}
	})

	t.Run("the allowance comes back", func(t *testing.T) {
		t.Parallel()
		ask := start(t, `{"requests_per_second": 5, "burst": 1}`, func(http.ResponseWriter, *http.Request) {})
		begin := time.Now()
		ask()
		for ask().status != http.StatusOK {
			if time.Since(begin) > 10*time.Second {
				t.Fatal("still refused after 10 s")
			}
		}
		if waited := time.Since(begin); waited < 200*time.Millisecond {
			t.Errorf("at 5 requests per second the second passed after %v", waited)
		}
	})

	t.Run("without configuration", func(t *testing.T) {
		t.Parallel()
		ask := start(t, "", func(http.ResponseWriter, *http.Request) {})
		if a := ask(); a.status != http.StatusOK || a.header.Get("RateLimit-Limit") != "100" {
			t.Errorf("got %d %v, want 200 and a limit of 100", a.status, a.header)
		}
	})

	t.Run("status and headers are the operator's", func(t *testing.T) {
		t.Parallel()
		ask := start(t, `{`+slow+`, "burst": 1, "status": 503, "headers": false}`, func(http.ResponseWriter, *http.Request) {})
		if a := ask(); a.header.Get("RateLimit-Limit") != "" {
			t.Errorf("headers are off, got %v", a.header)
		}
		a := ask()
		if a.status != http.StatusServiceUnavailable || a.header.Get("RateLimit-Limit") != "" || a.header.Get("Retry-After") == "" {
			t.Errorf("got %d %v, want 503 with Retry-After alone", a.status, a.header)
		}
	})

	t.Run("routes with other limits count apart", func(t *testing.T) {
		t.Parallel()
		one := `{` + slow + `, "burst": 1}`
		p, _, err := open(t, plugin.Spec{Name: "rate-limit", Code: code, Config: one})
		if err != nil {
			t.Fatal(err)
		}
		nothing := func(http.ResponseWriter, *http.Request) {}
		first, second := serve(t, p, one, nothing), serve(t, p, `{`+slow+`, "burst": 2}`, nothing)
		for i, c := range []struct {
			want   int
			status int
		}{
			{200, get(t, first).status},
			{429, get(t, first).status},
			{200, get(t, second).status},
			{200, get(t, second).status},
			{429, get(t, second).status},
			{200, get(t, serve(t, p, `{`+slow+`, "burst": 1, "key": "path"}`, nothing)).status},
			{429, get(t, serve(t, p, one, nothing)).status},
		} {
			if c.status != c.want {
				t.Errorf("request %d got %d, want %d", i, c.status, c.want)
			}
		}
	})

	t.Run("mistakes refuse the configuration", func(t *testing.T) {
		t.Parallel()
		for config, want := range map[string]string{
			`{"requests_per_secnd": 5}`: "unknown field `requests_per_secnd`, expected one of `requests_per_second`",
			`{"burst": 0}`:              "burst is 0",
			`{"key": "cookie"}`:         `key "cookie" is not known: write client_ip`,
			`100`:                       "the configuration cannot be read",
		} {
			_, logs, err := open(t, plugin.Spec{Name: "rate-limit", Code: code, Config: config, Instances: 1})
			if err == nil {
				t.Errorf("%s is accepted", config)
			}
			found := false
			for _, entry := range logs.All() {
				found = found || strings.Contains(entry.Message, want)
			}
			if !found {
				t.Errorf("%s: the log does not say %q: %v", config, want, logs.All())
			}
		}
	})
}
