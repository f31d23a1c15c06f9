package httpfilter

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/upstream"
)

// callable makes the gateway's plugin see one upstream, `auth`.
func (g *gateway) callable(t *testing.T, address string) {
	t.Helper()
	u, err := upstream.New(upstream.Settings{Name: "auth", Endpoints: []upstream.EndpointSettings{{Address: address}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	g.plugin.SetUpstreams(func(name string) (*upstream.Upstream, error) {
		if name != "auth" {
			return nil, errors.New("unknown upstream")
		}
		return u, nil
	})
}

const askAuth = `request_headers: http auth ":method=POST,:path=/check?x=1,:authority=auth.test,x-a=1,x-a=2,te=trailers" body - %d; return 1`

// The request waits for the answer of another server, and the plugin reads it.
func TestHTTPCall(t *testing.T) {
	auth := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-User", "bob")
		w.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprintf(w, "%s %s %s %v %q %s", r.Method, r.RequestURI, r.Host, r.Header["X-A"], r.Header.Get("Te"), body)
	}))
	t.Cleanup(auth.Close)
	g := serve(t, fmt.Sprintf(askAuth, 5000)+"\nhttp_call_response: get 6 :status; get 6 x-user; buf 4 0 999; effective $stream; buf 4 0 4; set 0 x-a $val; continue 0", echo)
	g.callable(t, strings.TrimPrefix(auth.URL, "http://"))
	if a := g.do(t, "GET", "/p", nil); !strings.Contains(a.body, `x-a=["POST"]`) {
		t.Errorf("%d %q", a.status, a.body)
	}
	g.logged(t, `  get 6 :status -> 0 "202"`)
	g.logged(t, `  get 6 x-user -> 0 "bob"`)
	g.logged(t, `  buf 4 0 -> 0 "POST /check?x=1 auth.test [1 2] \x22\x22 body"`)
}

// What goes wrong with a call is an answer that plugins know from Envoy, and comes exactly once.
func TestHTTPCallFailures(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	const answer = "\nhttp_call_response: get 6 :status; status; effective $stream; continue 0"
	for status, address := range map[string]string{"504": silent.Addr().String(), "503": closed.Addr().String()} {
		g := serve(t, fmt.Sprintf(askAuth, 100)+answer, echo)
		g.callable(t, address)
		if a := g.do(t, "GET", "/", nil); a.status != 200 {
			t.Errorf("%s: %d", status, a.status)
		}
		g.logged(t, `  get 6 :status -> 0 "`+status+`"`)
		if n := g.count("> http_call_response"); n != 1 {
			t.Errorf("%s: %d answers", status, n)
		}
	}
}

// Only the upstreams of the config can be called.
func TestHTTPCallToNowhere(t *testing.T) {
	g := serve(t, `request_headers: http 169.254.169.254 ":method=GET,:path=/,:authority=x"; http auth ":method=GET,:path=/"; return 0`, echo)
	g.callable(t, "127.0.0.1:1")
	g.do(t, "GET", "/", nil)
	g.logged(t, `  http 169.254.169.254 :method=GET,:path=/,:authority=x -> 2`)
	g.logged(t, `  http auth :method=GET,:path=/ -> 2`)
}

// A client that leaves while its request waits for a call must leave nothing behind.
func TestClientLeavesDuringACall(t *testing.T) {
	release := make(chan struct{})
	auth := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release); auth.Close() })
	g := serve(t, fmt.Sprintf(askAuth, 60_000), echo)
	g.callable(t, strings.TrimPrefix(auth.URL, "http://"))
	client := &http.Client{Timeout: 100 * time.Millisecond}
	if res, err := client.Get(g.URL); err == nil {
		_ = res.Body.Close()
		t.Error("an answer without a call's")
	}
	<-g.errors
	client.CloseIdleConnections()
}

// A plugin that calls from each answer does not go on for ever: the calls are those of one request, also when that has ended.
func TestEndlessCalls(t *testing.T) {
	var asked atomic.Int64
	auth := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(auth.Close)
	const call = `http auth ":method=GET,:path=/,:authority=auth.test"`
	g := serve(t, "request_headers: "+call+"; return 1\nhttp_call_response: effective $stream; continue 0; effective 1; "+call, echo,
		func(s *plugin.Spec) { s.Limits.StreamCallsInAll = 5 })
	g.callable(t, strings.TrimPrefix(auth.URL, "http://"))
	if a := g.do(t, "GET", "/", nil); a.status != 200 {
		t.Errorf("status %d", a.status)
	}
	for end := time.Now().Add(20 * time.Second); g.plugin.Stats().LimitHits[proxywasm.LimitCalls] == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d calls, and no end", asked.Load())
		}
	}
	if n := asked.Load(); n != 5 {
		t.Errorf("%d calls", n)
	}
}
