package conformance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/upstream"
)

func contexts(s *suite) {
	contextIDs(s)
	effectiveContext(s)
	sideBySide(s)
}

// together sends n requests at once, each with its number in X-A and as its body, and fails for an answer that is not
// its own.
func (g *gateway) together(t *testing.T, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			own := fmt.Sprintf("number-%d", i)
			a, err := g.try("POST", "/", strings.NewReader(own), "X-A", own)
			if err != nil || a.status != 200 || !strings.Contains(a.body, fmt.Sprintf("x-a=[%q]", own)) || !strings.HasSuffix(a.body, "body="+own) {
				t.Errorf("request %d got %d %q (%v)", i, a.status, a.body, err)
			}
		})
	}
	wg.Wait()
	g.ended(t, n)
}

// callbacks lists the callbacks of each context in their order, from the probe's log.
func (g *gateway) callbacks() map[string][]string {
	by := map[string][]string{}
	pattern := regexp.MustCompile(`^> (\w+) ctx=(\d+) (\d+)`)
	for _, line := range g.log() {
		if m := pattern.FindStringSubmatch(line); m != nil {
			by[m[2]] = append(by[m[2]], m[1])
		}
	}
	return by
}

func contextIDs(s *suite) {
	s.check("C-01", 1, "on_context_create, with the plugin context's id, is the first callback of a stream", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("")}})
		g.do(t, "POST", "/", strings.NewReader("body"))
		g.ended(t, 1)
		g.want(t, "> context_create ctx=2 1 0")
		if got := g.callbacks()["2"]; len(got) < 5 || got[0] != "context_create" || got[1] != "request_headers" {
			t.Errorf("the callbacks were %q", got)
		}
	})
	s.check("C-02", 1, "ids are not zero, and no two living contexts of an instance have the same", func(t *testing.T) {
		const n = 20
		var inside sync.WaitGroup
		inside.Add(n)
		g := serve(t, setup{plugins: []plugin.Spec{probe("")}, backend: func(w http.ResponseWriter, r *http.Request) {
			inside.Done()
			inside.Wait() // all of them are alive now
			echo(w, r)
		}})
		g.together(t, n)
		for id, callbacks := range g.callbacks() {
			created := 0
			for _, name := range callbacks {
				if name == "context_create" {
					created++
				}
			}
			if created != 1 || id == "0" {
				t.Errorf("id %s was created %d times", id, created)
			}
		}
		if len(g.callbacks()) != n+1 {
			t.Errorf("%d requests and a plugin have %d ids", n, len(g.callbacks()))
		}
	})
	s.check("C-03", 1, "no callback comes before a context is created or after it is deleted", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines("configure: tick 10", "request_headers: reply 403 no"))}})
		for range 3 {
			g.do(t, "POST", "/", strings.NewReader("body"))
		}
		g.ended(t, 3)
		passing := serve(t, setup{plugins: []plugin.Spec{probe("")}})
		passing.together(t, 20)
		for _, log := range []map[string][]string{g.callbacks(), passing.callbacks()} {
			for id, callbacks := range log {
				last := len(callbacks) - 1
				if callbacks[0] != "context_create" || (id != "1" && slices.Index(callbacks, "delete") != last) {
					t.Errorf("context %s had the callbacks %q", id, callbacks)
				}
			}
		}
	})
}

func effectiveContext(s *suite) {
	const held = "request_headers: return 1"
	s.check("C-04", 1, "after set_effective_context hostcalls act on that context", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines("context_create: tick 10", held,
			"tick: effective $stream; get 0 x-a; set 0 x-a ticked; continue 0; tick 0"))}})
		if a := g.do(t, "GET", "/", nil, "X-A", "1"); !strings.Contains(a.body, `x-a=["ticked"]`) {
			t.Errorf("the backend saw %q", a.body)
		}
		g.want(t, "  effective 2 -> 0", `  get 0 x-a -> 0 "1"`)
	})
	s.check("C-05", 1, "an unknown id gives BAD_ARGUMENT", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: effective 99; effective 0; get 0 x-a")}})
		g.do(t, "GET", "/", nil, "X-A", "1")
		g.want(t, "  effective 99 -> 2", "  effective 0 -> 2", `  get 0 x-a -> 0 "1"`)
	})
	s.check("C-06", 1, "the effective context ends with the callback", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines("context_create: tick 10", held,
			"tick: get 0 x-a; effective $stream; get 0 x-b", "done: tick 0"))}})
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			_, _ = g.try("GET", "/", nil, "X-A", "1", "X-B", "2")
		}()
		g.await(t, 3, `  get 0 x-b -> 0 "2"`)
		if found := g.find(`  get 0 x-a -> 0`); len(found) > 0 {
			t.Errorf("a tick began in the context of the stream: %q", found)
		}
		g.CloseClientConnections()
		<-answered
		g.ended(t, 1)
	})
	s.check("C-07", 1, "the response of a call stays readable after set_effective_context", func(t *testing.T) {
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("called")) }))
		t.Cleanup(backend.Close)
		g := serve(t, setup{
			plugins: []plugin.Spec{probe(lines("request_headers: http up :method=GET,:path=/,:authority=a; return 1",
				"http_call_response: effective $stream; get 6 :status; buf 4 0 100; set 0 x-a $val; continue 0"))},
			upstreams: map[string]upstream.Settings{"up": at(backend.URL)},
		})
		if a := g.do(t, "GET", "/", nil); !strings.Contains(a.body, `x-a=["called"]`) {
			t.Errorf("the backend saw %q", a.body)
		}
		g.want(t, "> http_call_response ctx=1", "  effective 2 -> 0", `  get 6 :status -> 0 "200"`)
	})
	s.check("C-08", 2, "a context that is gone cannot be made effective, and the real one stays", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: effective 2; get 0 x-a")}})
		g.do(t, "GET", "/", nil, "X-A", "first")
		g.ended(t, 1)
		g.do(t, "GET", "/", nil, "X-A", "second")
		g.want(t, "  effective 2 -> 0", `  get 0 x-a -> 0 "first"`, "  effective 2 -> 2", `  get 0 x-a -> 0 "second"`)
	})
}

func sideBySide(s *suite) {
	s.check("C-09", 1, "streams that are interleaved on an instance keep their headers, bodies and pauses apart", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines("request_body@eos: continue 0; return 1", "request_body: return 1"))}})
		g.together(t, 30)
	})
	s.check("C-10", 1, "a guest is never entered while it runs", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{rawSpec(t, "reentry")}})
		g.together(t, 30)
		g.await(t, 1, "tick 0")
		if failure := g.plugins[0].Snapshot().Instances[0].Failure; failure != "" {
			t.Errorf("the guest trapped: %s", failure)
		}
	})
	s.check("C-11", 1, "all callbacks of a stream come to the instance that created it", func(t *testing.T) {
		// Another instance would not know the context, and so have no script for it.
		script := lines("request_headers: level", "request_body: level", "response_headers: level", "response_body: level", "log: level", "delete: level")
		g := serve(t, setup{plugins: []plugin.Spec{probe(script, func(s *plugin.Spec) { s.Instances = 3 })}})
		const n = 9
		for i := range n {
			g.do(t, "POST", "/", strings.NewReader(fmt.Sprint(i)))
			g.ended(t, 1)
		}
		called := 0
		for _, name := range []string{"request_headers", "request_body", "response_headers", "response_body", "log", "delete"} {
			called += len(g.find("> " + name))
		}
		if answered := len(g.find("  level -> 0")); called < 6*n || answered != called {
			t.Errorf("%d callbacks ran %d commands", called, answered)
		}
	})
}
