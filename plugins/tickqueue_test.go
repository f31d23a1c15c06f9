package plugins_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap/zaptest/observer"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/upstream"
)

func TestTickQueue(t *testing.T) {
	t.Parallel()
	code := guestbuild.Go(t, "tick-queue")
	t.Run("every request arrives once", func(t *testing.T) { t.Parallel(); testShipping(t, code) })
	t.Run("a failed batch is sent again", func(t *testing.T) { t.Parallel(); testShippingAgain(t, code) })
	t.Run("what nobody takes is given up", func(t *testing.T) { t.Parallel(); testGivingUp(t, code) })
	t.Run("mistakes refuse the configuration", func(t *testing.T) {
		t.Parallel()
		_, logs, err := open(t, plugin.Spec{Name: "tick-queue", Code: code, Config: `{"path": "/"}`, Instances: 1})
		if err == nil || logs.FilterMessageSnippet("upstream is missing").Len() == 0 {
			t.Errorf("%v, log %v", err, logs.All())
		}
	})
}

// event is a line that the plugin ships.
type event struct {
	Time         time.Time
	Method, Path string
	Status       int
	Duration     *int `json:"duration_ms"`
}

// collector takes what the plugin ships, after it has answered in other ways: 0 is no answer at all.
type eventCollector struct {
	*httptest.Server
	events chan event
	calls  atomic.Int32
}

func collect(t *testing.T, before ...int) *eventCollector {
	c := &eventCollector{events: make(chan event, 1000)}
	var mu sync.Mutex
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.calls.Add(1)
		mu.Lock()
		defer mu.Unlock()
		if len(before) > 0 {
			status := before[0]
			before = before[1:]
			if status == 0 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(status)
			return
		}
		if r.Method != http.MethodPost || r.URL.Path != "/events" || r.Host != "collector" || r.Header.Get("X-Key") != "k" {
			t.Errorf("the call is %s %s %s %v", r.Method, r.Host, r.URL, r.Header)
		}
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			var e event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Errorf("%q: %v", lines.Text(), err)
			}
			c.events <- e
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// paths waits for n events, and returns the paths that they tell of, sorted.
func (c *eventCollector) paths(t *testing.T, n int) []string {
	t.Helper()
	var paths []string
	for range n {
		select {
		case e := <-c.events:
			if e.Method != http.MethodGet || e.Status != http.StatusTeapot || e.Duration == nil || time.Since(e.Time) > time.Hour {
				t.Errorf("the event is %+v", e)
			}
			paths = append(paths, e.Path)
		case <-time.After(time.Minute):
			t.Fatalf("%d of %d events have arrived", len(paths), n)
		}
	}
	slices.Sort(paths)
	return paths
}

// shipping serves the plugin, which ships to the collector.
func shipping(t *testing.T, code []byte, c *eventCollector, settings string) (*httptest.Server, *observer.ObservedLogs) {
	t.Helper()
	config := `{"upstream": "collector", "path": "/events", "headers": {"x-key": "k"}, "flush_interval_ms": 10` + settings + `}`
	u, err := upstream.New(upstream.Settings{
		Name: "collector", Endpoints: []upstream.EndpointSettings{{Address: strings.TrimPrefix(c.URL, "http://")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	p, logs, err := openWith(t, plugin.Spec{Name: "tick-queue", Code: code, Config: config, Instances: 2}, plugin.Deps{
		Upstreams: func(name string) (*upstream.Upstream, error) {
			if name != "collector" {
				return nil, errors.New("unknown upstream")
			}
			return u, nil
		},
	})
	if err != nil {
		t.Fatal(err, logs.All())
	}
	return serve(t, p, config, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }), logs
}

// visit makes n requests and returns their paths.
func visit(t *testing.T, server *httptest.Server, n int) []string {
	t.Helper()
	var paths []string
	for i := range n {
		path := fmt.Sprintf("/visit/%03d", i)
		res, err := server.Client().Get(server.URL + path + "?secret")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		paths = append(paths, path)
	}
	return paths
}

func testShipping(t *testing.T, code []byte) {
	c := collect(t)
	server, _ := shipping(t, code, c, `, "batch": 7`)
	want := visit(t, server, 100)
	if got := c.paths(t, len(want)); !slices.Equal(got, want) {
		t.Errorf("%q have arrived", got)
	}
	if calls := c.calls.Load(); calls < 100/7 {
		t.Errorf("%d calls with 100 events, 7 at most in each", calls)
	}
}

func testShippingAgain(t *testing.T, code []byte) {
	c := collect(t, http.StatusServiceUnavailable, 0, http.StatusTooManyRequests)
	server, logs := shipping(t, code, c, "")
	want := visit(t, server, 20)
	if got := c.paths(t, len(want)); !slices.Equal(got, want) {
		t.Errorf("%q have arrived", got)
	}
	if n := logs.FilterMessageSnippet("they are sent again").Len(); n != 3 {
		t.Errorf("%d failures are in the log: %v", n, logs.All())
	}
}

func testGivingUp(t *testing.T, code []byte) {
	c := collect(t, http.StatusInternalServerError, http.StatusBadRequest)
	server, logs := shipping(t, code, c, `, "retries": 0`)
	for i, why := range []string{"the upstream answered 500", "the upstream answered 400"} {
		visit(t, server, 1)
		deadline := time.After(time.Minute)
		for logs.FilterMessageSnippet("1 events are given up: "+why).Len() == 0 {
			select {
			case <-deadline:
				t.Fatalf("after call %d the log is %v", i, logs.All())
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	visit(t, server, 1)
	c.paths(t, 1)
}
