package conformance

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
	"github.com/loom-gateway/loom/internal/upstream"
)

func failureAndLimits(s *suite) {
	policies(s)
	limits(s)
	capabilities(s)
	operation(s)
}

// policy sets what requests get when the plugin fails.
func policy(p plugin.Policy) func(*plugin.Spec) {
	return func(s *plugin.Spec) { s.FailurePolicy = p }
}

// replaced waits until the only plugin has failed n times and each failed instance has a successor.
func (g *gateway) replaced(t *testing.T, n int64) {
	t.Helper()
	eventually(t, "a fresh instance", func() bool {
		s := g.plugins[0].Stats()
		return s.Traps >= n && s.Reloads >= n && s.Instances == 1
	})
}

func policies(s *suite) {
	s.check("V-01", 1, "a trap, with the policy closed, is 503 at once in every callback, and stays so", func(t *testing.T) {
		for _, callback := range []string{"context_create", "request_headers", "request_body", "response_headers", "response_body"} {
			g := serve(t, setup{plugins: []plugin.Spec{probe(callback+": trap", policy(plugin.PolicyClosed))}})
			for range 2 {
				if a, err := g.try("POST", "/", strings.NewReader("abc")); err != nil || a.status != 503 || a.body != "" {
					t.Errorf("%s: %d %q, %v", callback, a.status, a.body, err)
				}
			}
		}
	})
	s.check("V-02", 1, "with the policy open the exchange goes on as if the plugin had not been there, and what it held goes with it", failOpen)
	s.check("V-03", 1, "with the policy reload a fresh instance is started after a back-off; meanwhile requests get 503", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_body: trap")}})
		status := func(method string, body io.Reader) int { return g.do(t, method, "/", body).status }
		if got := status("GET", nil); got != 200 {
			t.Errorf("before: %d", got)
		}
		if got := status("POST", strings.NewReader("x")); got != 503 {
			t.Errorf("the failing request: %d", got)
		}
		if got := status("GET", nil); got != 503 {
			t.Errorf("during the back-off: %d", got)
		}
		g.replaced(t, 1)
		if got := status("GET", nil); got != 200 {
			t.Errorf("after it: %d", got)
		}
		if n := len(g.find("> configure")); n != 2 {
			t.Errorf("configured %d times, want twice", n)
		}
	})
	s.check("V-04", 1, "a trap ends the streams of its own instance only", trapInAPool)
	s.check("V-05", 1, "a trap elsewhere on the instance: 503 where nothing was sent yet, a cut response where something was", trapElsewhere)
	s.check("V-06", 1, "a failed instance is never called again, not even to end its streams", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: trap", policy(plugin.PolicyClosed))}})
		g.do(t, "GET", "/", nil)
		g.ended(t, 1)
		log := g.log()
		if last := log[len(log)-1]; !strings.HasPrefix(last, "> request_headers") {
			t.Errorf("after the trap came %q", last)
		}
	})
	s.check("V-07", 1, "a trap in a tick, a queue callback, the answer to a call or at the end of a stream costs the instance, which is replaced", trapOutside)
	s.check("V-08", 1, "a panic of the host inside a hostcall is a trap of the plugin; the process lives", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_body: metric 0 hits")}, meter: panicking{}})
		if a := g.do(t, "POST", "/", strings.NewReader("x")); a.status != 503 {
			t.Errorf("status %d", a.status)
		}
		g.replaced(t, 1)
		if a := g.do(t, "GET", "/", nil); a.status != 200 {
			t.Errorf("afterwards: %d", a.status)
		}
	})
}

// panicking is a part of the host with a bug.
type panicking struct{}

func (panicking) Define(abi.MetricType, string) (uint32, abi.Status) {
	var nobody *upstream.Upstream
	return uint32(len(nobody.Name())), abi.StatusOK
}
func (panicking) Increment(uint32, int64) abi.Status { panic("increment") }
func (panicking) Record(uint32, uint64) abi.Status   { panic("record") }
func (panicking) Get(uint32) (uint64, abi.Status)    { panic("get") }

func failOpen(t *testing.T) {
	for name, script := range map[string]string{
		"request headers":    "request_headers: set 0 x-a half; set 0 :path /half; trap",
		"request body":       "request_body: setbuf 0 0 99 half; trap",
		"held request body":  lines("request_body#1: return 1", "request_body: setbuf 0 0 99 half; trap"),
		"response headers":   "response_headers: set 2 x-half 1; set 2 :status 500; trap",
		"response body":      "response_body: setbuf 1 0 99 half; trap",
		"held response body": lines("response_body#1: return 1", "response_body: setbuf 1 0 99 half; trap"),
		"in a tick":          lines("request_headers: tick 10; return 1", "tick: trap"),
	} {
		g := serve(t, setup{plugins: []plugin.Spec{probe(script, policy(plugin.PolicyOpen))}, backend: func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, r.RequestURI+" "+r.Header.Get("X-A")+" ")
			_, _ = w.Write(body)
		}})
		sent := strings.Repeat("x", 40_000)
		a := g.do(t, "POST", "/p", chunked(sent))
		if a.status != 200 || a.body != "/p  "+sent || a.header.Get("X-Half") != "" {
			t.Errorf("%s: %d, %d bytes: %.60q", name, a.status, len(a.body), a.body)
		}
	}
}

func trapInAPool(t *testing.T) {
	two := func(s *plugin.Spec) { s.Instances, s.PauseTimeout = 2, time.Second }
	g := serve(t, setup{plugins: []plugin.Spec{probe(lines("request_headers@eos: return 1", "request_headers: trap"), two)}})
	statuses := make(chan int)
	for range 2 { // one on each instance
		go func() {
			a, err := g.try("GET", "/", nil)
			if err != nil {
				t.Error(err)
			}
			statuses <- a.status
		}()
	}
	g.await(t, 2, "> request_headers")
	if a := g.do(t, "POST", "/", strings.NewReader("x")); a.status != 503 {
		t.Errorf("the failing request: %d", a.status)
	}
	if first, second := <-statuses, <-statuses; first != 503 || second != 504 {
		t.Errorf("%d and %d: want 503 beside the trap, and 504 after the pause_timeout on the other instance", first, second)
	}
}

func trapElsewhere(t *testing.T) {
	sent, release := make(chan struct{}), make(chan struct{})
	g := serve(t, setup{
		plugins: []plugin.Spec{probe(lines("request_headers@eos: return 0", "request_headers: trap"), policy(plugin.PolicyClosed))},
		backend: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/begun" {
				_, _ = io.WriteString(w, "first")
				_ = http.NewResponseController(w).Flush()
			}
			sent <- struct{}{}
			<-release
			_, _ = io.WriteString(w, "second")
		},
	})
	begun, waiting := make(chan error, 1), make(chan int, 1)
	go func() { _, err := g.try("GET", "/begun", nil); begun <- err }()
	go func() { a, _ := g.try("GET", "/waiting", nil); waiting <- a.status }()
	<-sent
	<-sent
	if a := g.do(t, "POST", "/", strings.NewReader("x")); a.status != 503 {
		t.Errorf("the failing request: %d", a.status)
	}
	close(release)
	if err := <-begun; err == nil {
		t.Error("a response that had begun was completed")
	}
	if status := <-waiting; status != 503 {
		t.Errorf("a response that had not begun: %d", status)
	}
}

func trapOutside(t *testing.T) {
	auth, _, answer, _ := silent(t)
	answer()
	for name, script := range map[string]string{
		"tick":          lines("request_headers: tick 10; return 1", "tick: trap"),
		"queue":         lines("request_headers: queue q; enqueue $id x; return 1", "queue_ready: trap"),
		"call":          lines("request_headers: "+ask+"; return 1", "http_call_response: trap"),
		"end of stream": "log: trap",
		"done":          "done: trap",
		"delete":        "delete: trap",
	} {
		g := serve(t, setup{plugins: []plugin.Spec{probe(script)}, upstreams: map[string]upstream.Settings{"auth": auth}})
		want := 503
		if strings.HasPrefix(script, "log") || strings.HasPrefix(script, "d") {
			want = 200 // the exchange is over
		}
		if a := g.do(t, "GET", "/", nil); a.status != want {
			t.Errorf("%s: %d, want %d", name, a.status, want)
		}
		g.replaced(t, 1)
	}
}

// Interface guard
var _ proxywasm.Metrics = panicking{}
