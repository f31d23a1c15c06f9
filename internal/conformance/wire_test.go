package conformance

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
)

// upstreamed is the rest of a chain that sends each request to a server of its own, as a proxy does.
func upstreamed(t *testing.T, handler http.HandlerFunc) http.HandlerFunc {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
		},
	}
	return proxy.ServeHTTP
}

// raw sends bytes and reads until the gateway closes the connection.
func (g *gateway) raw(t *testing.T, request string) string {
	t.Helper()
	conn := g.dial(t)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(conn)
	if err != nil {
		t.Errorf("reading the answer: %v", err)
	}
	return string(data)
}

// dial opens a connection of a client that speaks bytes.
func (g *gateway) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", g.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// messages are all lines of the log.
func (g *gateway) messages() []string {
	var list []string
	for _, e := range g.logs.All() {
		list = append(list, e.Message)
	}
	return list
}

// reasons lists why hostcalls were refused, or did less than they were asked for.
func (g *gateway) reasons() []string {
	var list []string
	for _, e := range g.logs.All() {
		if reason, ok := e.ContextMap()["reason"].(string); ok {
			list = append(list, reason)
		}
	}
	return list
}

// get is a GET of a path that must be answered with 200.
func (g *gateway) get(t *testing.T, path string, header ...string) answer {
	t.Helper()
	a := g.do(t, http.MethodGet, path, nil, header...)
	if a.status != http.StatusOK {
		t.Errorf("status %d: %s", a.status, a.body)
	}
	return a
}

// one starts a gateway with the probe alone.
func one(t *testing.T, script ...string) *gateway {
	t.Helper()
	return serve(t, setup{plugins: probes(lines(script...))})
}

// probes is the chain of one probe.
func probes(script string, change ...func(*plugin.Spec)) []plugin.Spec {
	return []plugin.Spec{probe(script, change...)}
}

// raws is the chain of one guest of testdata.
func raws(t *testing.T, name string) []plugin.Spec {
	t.Helper()
	return []plugin.Spec{{Name: name, Code: raw(t, name), Instances: 1}}
}
