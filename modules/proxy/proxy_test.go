package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/proxy"
)

const toBackend = `{"handler": "loom_proxy", "upstream": "backend"}`

// gateway is a running Loom with one route to the backends.
func gateway(t *testing.T, backends ...string) *moduletest.Caddy {
	t.Helper()
	return moduletest.Provision(t, moduletest.HTTP(loom("http", backends...), toBackend)).Start()
}

func loom(protocol string, backends ...string) string {
	var endpoints []string
	for _, b := range backends {
		endpoints = append(endpoints, `{"address": "`+strings.TrimPrefix(b, "http://")+`"}`)
	}
	return fmt.Sprintf(`{"upstreams": {"backend": {"protocol": %q, "endpoints": [%s]}}}`, protocol, strings.Join(endpoints, ","))
}

func backend(t *testing.T, serve http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(serve)
	t.Cleanup(s.Close)
	return s.URL
}

// refusing is an address on which nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return res, body(t, res)
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// within fails the test when the channel says nothing for 10 seconds.
func within[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: nothing happened in 10 seconds", what)
	}
	return v
}

func TestRoundRobinOverEndpoints(t *testing.T) {
	t.Parallel()
	name := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, s) }
	}
	c := gateway(t, backend(t, name("a")), backend(t, name("b")), backend(t, name("c")))
	got := ""
	for range 6 {
		_, text := get(t, c.URL(""))
		got += text
	}
	if got != "abcabc" {
		t.Errorf("answers came from %s, want abcabc", got)
	}
}

func TestDialFailureGoesToNextEndpoint(t *testing.T) {
	t.Parallel()
	alive := backend(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	c := gateway(t, refusing(t), alive, refusing(t))
	for i := range 6 {
		res, err := http.Post(c.URL(""), "text/plain", strings.NewReader("the body survives"))
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, res); res.StatusCode != http.StatusOK || got != "the body survives" {
			t.Errorf("request %d: %d %q", i, res.StatusCode, got)
		}
	}
}

func TestStatusOfFailures(t *testing.T) {
	t.Parallel()
	silent := backend(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	breaksOff := backend(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for name, test := range map[string]struct {
		loom, handler string
		want          int
	}{
		"nobody listens":       {loom("http", refusing(t)), toBackend, http.StatusBadGateway},
		"none of two listens":  {loom("http", refusing(t), refusing(t)), toBackend, http.StatusBadGateway},
		"no TLS there":         {loom("https", breaksOff), toBackend, http.StatusBadGateway},
		"breaks off":           {loom("http", breaksOff), toBackend, http.StatusBadGateway},
		"the route's timeout":  {loom("http", silent), `{"handler": "loom_proxy", "upstream": "backend", "timeout": "50ms"}`, http.StatusGatewayTimeout},
		"h2c timeout":          {loom("h2c", h2cBackend(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })), `{"handler": "loom_proxy", "upstream": "backend", "timeout": "50ms"}`, http.StatusGatewayTimeout},
		"h2c to an h1 backend": {loom("h2c", breaksOff), toBackend, http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := moduletest.Provision(t, moduletest.HTTP(test.loom, test.handler)).Start()
			if res, _ := get(t, c.URL("")); res.StatusCode != test.want {
				t.Errorf("status = %d, want %d", res.StatusCode, test.want)
			}
		})
	}
}

// TestTimeoutBreaksResponseOff shows that a response that is not complete in time is not passed off as complete.
func TestTimeoutBreaksResponseOff(t *testing.T) {
	t.Parallel()
	slow := backend(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "the first half")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	c := moduletest.Provision(t, moduletest.HTTP(loom("http", slow), `{"handler": "loom_proxy", "upstream": "backend", "timeout": "200ms"}`)).Start()
	res, err := http.Get(c.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if data, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("the client takes %q for the whole response", data)
	}
}

func TestClientAbortCancelsUpstream(t *testing.T) {
	t.Parallel()
	began, canceled := make(chan struct{}), make(chan struct{})
	hangs := backend(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(canceled)
	})
	c := gateway(t, hangs)
	conn, err := net.Dial("tcp", c.Addr(""))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	within(t, "request at the backend", began)
	conn.Close()
	within(t, "cancellation at the backend", canceled)
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/app.sock"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) }))
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	c := gateway(t, "unix/"+path)
	if res, got := get(t, c.URL("")); res.StatusCode != http.StatusOK || got != c.Addr("") {
		t.Errorf("%d %q, want the client's host %q", res.StatusCode, got, c.Addr(""))
	}
}

func TestRefusedConfigs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ loom, handler, want string }{
		"no upstream":       {`{}`, `{"handler": "loom_proxy"}`, "upstream: the name of an upstream is required"},
		"unknown upstream":  {loom("http", "a:1"), `{"handler": "loom_proxy", "upstream": "backnd"}`, `unknown upstream "backnd": did you mean "backend"?`},
		"no loom app":       {"", toBackend, `unknown upstream "backend"`},
		"negative timeout":  {loom("http", "a:1"), `{"handler": "loom_proxy", "upstream": "backend", "timeout": "-1s"}`, "timeout: must not be negative"},
		"misspelt setting":  {loom("http", "a:1"), `{"handler": "loom_proxy", "upstrem": "backend"}`, `unknown field "upstrem"`},
		"upstream is wrong": {loom("http", "a:http"), toBackend, `port "http" is not a number`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := moduletest.TryProvision(t, moduletest.HTTP(test.loom, test.handler))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

// h2cBackend speaks HTTP/2 without TLS, and HTTP/1.1 for those who ask for it.
func h2cBackend(t *testing.T, serve http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(serve)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// TestRoutesShareConnections has two routes with different settings reach one backend over one connection, and the
// access log's placeholders name the endpoint.
func TestRoutesShareConnections(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	endpoint := `{"handler": "headers", "response": {"deferred": true, "set": {"X-Endpoint": ["{http.reverse_proxy.upstream.hostport}"]}}}`
	c := moduletest.Provision(t, moduletest.Server(loom("http", s.URL), `{
		"listen": ["127.0.0.1:0"], "automatic_https": {"disable": true}, "routes": [
			{"match": [{"path": ["/a"]}], "handle": [`+endpoint+`, {"handler": "loom_proxy", "upstream": "backend", "timeout": "1m"}]},
			{"handle": [`+endpoint+`, `+toBackend+`]}]}`)).Start()
	for _, path := range []string{"/a", "/b", "/a", "/b"} {
		res, _ := get(t, c.URL("")+path)
		if got := res.Header.Get("X-Endpoint"); got != s.Listener.Addr().String() {
			t.Errorf("%s: endpoint %q", path, got)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}
