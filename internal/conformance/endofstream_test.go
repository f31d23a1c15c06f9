package conformance

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/upstream"
	"github.com/loom-gateway/loom/modules/moduletest"
)

func endOfStream(s *suite) {
	s.check("E-01", 1, "every stream ends with on_log, on_done and on_delete, each once, on_delete last", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("")}})
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() { g.do(t, []string{"GET", "POST"}[i%2], "/", strings.NewReader("abc")) })
		}
		all.Wait()
		g.wantEnds(t, 10)
	})
	s.check("E-02", 1, "also after an answer of the plugin's, a client that leaves, a backend that is down, an error or a panic of the next handler, and a closed stream", otherEnds)
	s.check("E-03", 2, "the order is on_log, on_done, on_delete", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("")}})
		g.do(t, "GET", "/", nil)
		g.wantEnds(t, 1)
	})
	s.check("E-04", 2, "on_done = 0 of a stream does not delay its on_delete", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("done: return 0", func(s *plugin.Spec) { s.Limits.DoneTimeout = time.Millisecond })}})
		g.do(t, "GET", "/", nil)
		g.wantEnds(t, 1)
	})
	s.check("E-05", 1, "on_log runs before the handler returns, with the final status, headers and duration", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines("request_headers: reply 418 tea", "log: prop response|code; get 2 :status; prop request|duration; get 0 :path"))}})
		g.do(t, "GET", "/p", nil)
		g.ended(t, 1)
		g.want(t, `  prop response|code -> 0 "\xa2\x01\x00\x00\x00\x00\x00\x00"`, `  get 2 :status -> 0 "418"`, `  prop request|duration -> 0 "`, `  get 0 :path -> 0 "/p"`)
		g.wantNot(t, `  prop request|duration -> 0 "\x00\x00\x00\x00\x00\x00\x00\x00"`)
	})
	s.check("E-06", 1, "nothing touches a request or its answer after the handler has returned (under the race detector)", lateAnswers)
	s.check("E-07", 1, "a call that answers after its stream has ended is delivered once, and what it does to the stream has no effect", lateCallout)
	s.check("E-08", 1, "over a reload, requests in flight finish on the old instances, and new ones use the new", reload)
	rootContexts(s)
}

func otherEnds(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	down := func(w http.ResponseWriter, r *http.Request) {
		req := r.Clone(r.Context())
		req.URL.Scheme, req.URL.Host, req.RequestURI = "http", closed.Addr().String(), ""
		if _, err := http.DefaultTransport.RoundTrip(req); err == nil {
			t.Error("an answer from a closed port")
		}
		w.WriteHeader(http.StatusBadGateway)
	}
	for name, c := range map[string]struct {
		script  string
		backend http.HandlerFunc
		fails   error
		leaves  bool
		want    int // 0: the exchange is cut
	}{
		"own answer":         {script: "request_headers: reply 403 no", want: 403},
		"client leaves":      {script: "request_headers: return 1", leaves: true},
		"backend is down":    {backend: down, want: 502},
		"error of the next":  {backend: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Kept", "1") }, fails: errors.New("no"), want: 200},
		"panic of the next":  {backend: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		"closed by plugin":   {script: "request_headers: close 0"},
		"closed in a body":   {script: "response_body: close 1"},
		"held for too long":  {script: "request_headers: return 1", want: 504},
		"nobody has written": {backend: func(http.ResponseWriter, *http.Request) {}, want: 200},
	} {
		t.Run(name, func(t *testing.T) {
			impatient := func(s *plugin.Spec) {
				if !c.leaves {
					s.PauseTimeout = 100 * time.Millisecond
				}
			}
			g := serve(t, setup{plugins: []plugin.Spec{probe(c.script, impatient)}, backend: c.backend, fails: c.fails})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", g.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.leaves {
				go func() { g.await(t, 1, "> request_headers"); cancel() }()
			}
			res, err := g.Client().Do(req)
			if err == nil {
				_, err = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
			if (err == nil) != (c.want != 0) || (err == nil && res.StatusCode != c.want) {
				t.Errorf("answer %v, error %v; want %d", res, err, c.want)
			}
			if c.fails != nil && (res == nil || res.Header.Get("X-Kept") == "") {
				t.Error("what the handler set before it failed is lost")
			}
			g.await(t, 1, "> delete ctx=2")
			if n := len(g.find("> log")) + len(g.find("> done")) + len(g.find("> delete")); n != 3 {
				t.Errorf("%d callbacks end the stream: %q", n, g.log())
			}
		})
	}
}

// silent is an upstream that answers when it is told to.
func silent(t *testing.T) (settings upstream.Settings, asked chan struct{}, tell func(), gone chan struct{}) {
	t.Helper()
	answer := make(chan struct{})
	asked, tell, gone = make(chan struct{}, 100), sync.OnceFunc(func() { close(answer) }), make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-answer:
			_, _ = io.WriteString(w, "late")
		case <-r.Context().Done():
			gone <- struct{}{}
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(tell)
	return at(server.URL), asked, tell, gone
}

const ask = `http auth ":method=GET,:path=/,:authority=auth" "" - 20000`

func lateCallout(t *testing.T) {
	auth, asked, answer, _ := silent(t)
	script := lines("request_headers: "+ask+"; return 0", "http_call_response: buf 4 0 9; effective $stream; get 0 :path; set 0 x-a b; continue 0; reply 500 late")
	g := serve(t, setup{plugins: []plugin.Spec{probe(script)}, upstreams: map[string]upstream.Settings{"auth": auth}})
	if a := g.do(t, "GET", "/", nil); a.status != 200 {
		t.Errorf("status %d", a.status)
	}
	g.ended(t, 1)
	<-asked
	answer()
	g.await(t, 1, "  reply 500")
	g.want(t, "> http_call_response ctx=1", `  buf 4 0 -> 0 "late"`, "  effective 2 -> 2")
	if n := len(g.find("> http_call_response")); n != 1 {
		t.Errorf("%d deliveries", n)
	}
}

// lateAnswers has calls and ticks come back while, and after, their streams end.
func lateAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	t.Cleanup(server.Close)
	script := lines(
		"request_headers: tick 10; "+ask+"; return 1",
		"http_call_response: effective $stream; get 0 :path; set 0 x-a b; buf 0 0 9; continue 0",
		"tick: effective $stream; get 0 :path; get 2 :status; set 2 x-late 1; buf 1 0 99; continue 0; continue 1",
	)
	impatient := func(s *plugin.Spec) { s.PauseTimeout = 300 * time.Millisecond }
	g := serve(t, setup{plugins: []plugin.Spec{probe(script, impatient)}, upstreams: map[string]upstream.Settings{"auth": at(server.URL)}})
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i%20)*time.Millisecond)
			if i%2 == 0 {
				ctx, cancel = context.WithTimeout(t.Context(), patience)
			}
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "POST", g.URL, chunked("abc"))
			if err != nil {
				t.Error(err)
				return
			}
			if res, err := g.Client().Do(req); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	all.Wait()
	eventually(t, "the end of every stream", func() bool { return len(g.find("> delete")) == len(g.find("> context_create"))-1 })
}

func reload(t *testing.T) {
	release, reached := make(chan struct{}), make(chan struct{}, 2)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached <- struct{}{}
		if r.URL.Path == "/long" {
			<-release
		}
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(backend.Close)
	config := func(name string) string {
		return caddyConfig(t, "response_headers: set 2 x-plugin "+name, backend.Listener.Addr().String(), "http")
	}
	plain := func(c *moduletest.Caddy) carrier { return carriers(t, c)[3] }
	first := moduletest.Provision(t, config("old")).Start()
	old, long := plain(first), make(chan string)
	go func() {
		a, err := old.try("GET", "/long", nil)
		if err != nil {
			t.Error(err)
		}
		long <- a.header.Get("X-Plugin")
	}()
	<-reached
	second := plain(moduletest.Provision(t, config("new")).Start())
	closed := make(chan struct{})
	go func() { defer close(closed); first.Close() }()
	if a := second.do(t, "GET", "/", nil); a.header.Get("X-Plugin") != "new" {
		t.Errorf("a new request has %q", a.header.Get("X-Plugin"))
	}
	close(release)
	if got := <-long; got != "old" {
		t.Errorf("the request in flight has %q", got)
	}
	<-closed
}
