package plugins_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/upstream"
)

func TestKeyAuth(t *testing.T) {
	t.Parallel()
	eachBuild(t, "key-auth", testKeyAuth)
}

// keyServer knows one key. It counts what it is asked, and can be held.
type keyServer struct {
	*httptest.Server
	asked atomic.Int32
	hold  chan struct{}
}

func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	s := &keyServer{hold: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if r.Method != http.MethodPost || r.RequestURI != "/check" || r.Host != "keys.test" {
			t.Errorf("the key server was asked %s %s of %s", r.Method, r.RequestURI, r.Host)
		}
		switch key := r.Header.Get("X-Api-Key"); key {
		case "good key":
			w.Header().Set("X-Owner", "ada")
		case "slow":
			<-s.hold
		case "broken":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// guarded is a gateway with the plugin; the upstream `keys` is at the address.
func guarded(t *testing.T, code []byte, settings, address string) (ask func(path string, headers ...string) answer, seen chan *http.Request) {
	t.Helper()
	config := `{` + settings + `, "path": "/check", "method": "POST", "authority": "keys.test", "identity": {"x-owner": "x-consumer"}}`
	p, logs, err := open(t, plugin.Spec{Name: "key-auth", Code: code, Config: config, Instances: 1})
	if err != nil {
		t.Fatal(err, logs.All())
	}
	u, err := upstream.New(upstream.Settings{Name: "keys", Endpoints: []upstream.EndpointSettings{{Address: strings.TrimPrefix(address, "http://")}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	p.SetUpstreams(func(name string) (*upstream.Upstream, error) {
		if name != "keys" {
			return nil, fmt.Errorf("no upstream %q", name)
		}
		return u, nil
	})
	seen = make(chan *http.Request, 100)
	server := serve(t, p, config, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Clone(r.Context())
		_, _ = io.Copy(w, r.Body)
	})
	return func(path string, headers ...string) answer {
		return fetch(t, server, path, headers...)
	}, seen
}

func testKeyAuth(t *testing.T, code []byte) {
	const patient = `"upstream": "keys", "timeout_ms": 60000`

	t.Run("answers of the key server", func(t *testing.T) {
		t.Parallel()
		keys := newKeyServer(t)
		ask, seen := guarded(t, code, patient, keys.URL)
		for i, c := range []struct {
			headers []string
			status  int
			body    string
			asked   int32 // so far
		}{
			{[]string{"X-Api-Key", "good key", "X-Consumer", "root"}, 200, "", 1},
			{[]string{"X-Api-Key", "good key", "X-Consumer", "root"}, 200, "", 1}, // remembered
			{[]string{"X-Api-Key", "bad"}, 401, "the API key is not valid\n", 2},
			{[]string{"X-Api-Key", "bad"}, 401, "the API key is not valid\n", 2},
			{nil, 401, "an API key is required\n", 2},
			{[]string{"X-Api-Key", ""}, 401, "an API key is required\n", 2},
			{[]string{"X-Api-Key", "good key", "X-Api-Key", "bad"}, 401, "there is more than one API key\n", 2},
			{[]string{"X-Api-Key", "\xff"}, 401, "the API key is not valid\n", 2},
			{[]string{"X-Api-Key", "broken"}, 503, "API keys cannot be checked at the moment\n", 3},
			{[]string{"X-Api-Key", "broken"}, 503, "API keys cannot be checked at the moment\n", 4}, // a failure is not remembered
		} {
			a := ask("", c.headers...)
			if a.status != c.status || a.body != c.body || keys.asked.Load() != c.asked {
				t.Errorf("request %d: %d %q after %d calls, want %d %q after %d", i, a.status, a.body, keys.asked.Load(), c.status, c.body, c.asked)
			}
			if got := a.header.Get("Www-Authenticate"); (c.status == 401) != (got == `Key realm="api"`) {
				t.Errorf("request %d: www-authenticate is %q", i, got)
			}
			if c.status == 200 {
				same(t, "the backend", (<-seen).Header, http.Header{"X-Consumer": {"ada"}, "X-Api-Key": nil})
			}
		}
	})

	t.Run("the key in the query", func(t *testing.T) {
		t.Parallel()
		keys := newKeyServer(t)
		ask, seen := guarded(t, code, patient+`, "key": "query:api_key"`, keys.URL)
		if a := ask("/p?a=1&api_key=good%20key&b=2#"); a.status != 200 {
			t.Fatalf("%d %q", a.status, a.body)
		}
		if uri := (<-seen).URL.RequestURI(); strings.Contains(uri, "key") || !strings.HasPrefix(uri, "/p?a=1&b=2") {
			t.Errorf("the backend was asked for %q", uri)
		}
		if a := ask("/p?api_key=good+key&api_key=bad"); a.status != 401 {
			t.Errorf("two keys: %d %q", a.status, a.body)
		}
		if a := ask("/p?api_key=a%0d%0ax-evil:1"); a.status != 401 || keys.asked.Load() != 1 {
			t.Errorf("a split header: %d %q", a.status, a.body)
		}
	})

	t.Run("answers are forgotten", func(t *testing.T) {
		t.Parallel()
		keys := newKeyServer(t)
		ask, seen := guarded(t, code, patient+`, "cache_seconds": 1, "cache_refused_seconds": 0`, keys.URL)
		ask("", "X-Api-Key", "bad")
		if ask("", "X-Api-Key", "bad"); keys.asked.Load() != 2 {
			t.Errorf("%d calls, want 2: refusals are not remembered", keys.asked.Load())
		}
		for begin := time.Now(); keys.asked.Load() < 4; { // the third is the first of the good ones
			ask("", "X-Api-Key", "good key")
			<-seen
			if time.Since(begin) > time.Minute {
				t.Fatal("an answer was remembered for a minute instead of a second")
			}
		}
	})

	t.Run("a slow answer holds one request alone", func(t *testing.T) {
		t.Parallel()
		keys := newKeyServer(t)
		ask, seen := guarded(t, code, patient, keys.URL)
		var held sync.WaitGroup
		held.Go(func() {
			if a := ask("", "X-Api-Key", "slow"); a.status != 200 {
				t.Errorf("the slow one: %d %q", a.status, a.body)
			}
		})
		for keys.asked.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		if a := ask("", "X-Api-Key", "good key"); a.status != 200 {
			t.Errorf("the other one: %d %q", a.status, a.body)
		}
		if <-seen; len(seen) > 0 {
			t.Error("the held request went on")
		}
		close(keys.hold)
		held.Wait()
		same(t, "the backend", (<-seen).Header, http.Header{"X-Consumer": nil})
	})

	t.Run("failures", func(t *testing.T) {
		t.Parallel()
		keys := newKeyServer(t)
		t.Cleanup(func() { close(keys.hold) })
		closed, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = closed.Close()
		for name, c := range map[string]struct{ more, address, key string }{
			"no connection":       {patient, closed.Addr().String(), "good key"},
			"a timeout":           {`"upstream": "keys", "timeout_ms": 50`, keys.URL, "slow"},
			"an error":            {patient, keys.URL, "broken"},
			"an unknown upstream": {`"upstream": "nobody"`, keys.URL, "good key"},
		} {
			for policy, status := range map[string]int{"deny": 503, "allow": 200} {
				ask, seen := guarded(t, code, c.more+`, "on_failure": "`+policy+`"`, c.address)
				if a := ask("", "X-Api-Key", c.key, "X-Consumer", "root"); a.status != status {
					t.Errorf("%s, %s: %d %q", name, policy, a.status, a.body)
				} else if status == 200 {
					same(t, "the backend", (<-seen).Header, http.Header{"X-Consumer": nil})
				}
			}
		}
	})

	refusesMistakes(t, plugin.Spec{Name: "key-auth", Code: code}, map[string]string{
		"": "key-auth: the configuration cannot be read",
		`{"upstream": "a", "path": "/", "on_failure": "x"}`: `on_failure is "x": write deny or allow`,
		`{"upstream": "a", "path": "/", "key": "cookie"}`:   "write header:NAME or query:NAME",
		`{"upstream": "a", "path": "/", "timeout_ms": 0}`:   "timeout_ms is 0",
	})
}
