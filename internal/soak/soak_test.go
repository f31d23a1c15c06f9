package soak

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/freeport"
	"github.com/loom-gateway/loom/internal/selfsigned"
)

var (
	duration = flag.Duration("for", 0, "how long to change the configuration under load; the default is a short while")
	changes  = flag.Int("changes", 30, "how many changes to make in that time")
	reloads  = flag.Int("reloads", 0, "how many reloads to make after that, to see what they leave behind")
	stock    = flag.Bool("stock", false, "do the same to a Caddy without Loom, for comparison")
)

// scene is a gateway, what is behind it, and the configurations that it goes through.
type scene struct {
	t                           *testing.T
	binary                      string
	backends                    *backends
	plain, secure, grpc, broken string
	cert, key                   string
	wasm                        [2]string
}

func newScene(t *testing.T) *scene {
	s := &scene{
		t: t, backends: newBackends(t), plain: freeport.Address(t), secure: freeport.Address(t), grpc: freeport.Address(t), broken: freeport.Address(t),
	}
	s.cert, s.key = selfsigned.Files(t, "localhost", "127.0.0.1")
	module, err := os.ReadFile("../../plugins/header-rewrite/header-rewrite.wasm")
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.wasm {
		s.wasm[i] = filepath.Join(t.TempDir(), "mark.wasm")
		write(t, s.wasm[i], string(module)+strings.Repeat("\x00\x03\x01xy", i)) // a custom section x of one byte
	}
	return s
}

// document is the i-th configuration: another upstream and another plugin for /api, other routes beside it.
func (s *scene) document(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
listeners:
  - {name: plain, address: %q, protocol: http}
  - {name: secure, address: %q, protocol: https, tls: {cert: %q, key: %q}}
  - {name: grpc, address: %q, protocol: grpc}
routes:
  - {id: api, path: /api/*, methods: [GET, POST], upstream: api-%d, plugins: [mark]}
  - {id: ws, path: /ws, upstream: streams}
  - {id: events, path: /events, upstream: streams}
  - {id: grpc, path: /grpc.testing.TestService/*, methods: [POST], upstream: grpc}
  - {id: broken, path: /broken, upstream: broken}
  - {id: limited, path: /limited, upstream: streams, plugins: [{name: rate-limit, config: {requests_per_second: 0.001, burst: 2, key: global}}]}
`, s.plain, s.secure, s.cert, s.key, s.grpc, i%2)
	for k := range i % 5 {
		fmt.Fprintf(&b, "  - {id: extra-%d, path: \"/extra/%d/{name}\", upstream: streams}\n", i+k, i+k)
	}
	fmt.Fprintf(&b, `
upstreams:
  - {name: api-%d, endpoints: [%q]}
  - {name: streams, endpoints: [%q]}
  - {name: grpc, protocol: h2c, endpoints: [%q]}
  - {name: broken, endpoints: [%q], circuit_breaker: {failure_threshold: 2, timeout: 5h}}
plugins:
  - name: mark
    path: %q
    config: |
      request set x-generation %d
      response set x-generation %d
`, i%2, s.backends.api[i%2], s.backends.streams, s.backends.grpc, s.broken, s.wasm[i/2%2], i, i)
	return b.String()
}

// everyProtocol asks in every way that there is.
func (s *scene) everyProtocol() *load {
	s.t.Helper()
	l := newLoad(s.t)
	conn, err := dialGRPC(s.grpc)
	if err != nil {
		s.t.Fatal(err)
	}
	l.closers = append(l.closers, func() { _ = conn.Close() })
	l.ask("h1 new connections", 2, func() exchange { return newConnections(s.plain) })
	l.ask("h1 keep-alive POST", 4, func() exchange { return rawKeepAlive(s.plain, nil) })
	l.ask("h1 keep-alive POST, TLS", 2, func() exchange { return rawKeepAlive(s.secure, anyCertificate()) })
	l.ask("h2 POST", 2, func() exchange { return http2Client(l, s.secure) })
	l.ask("h3 POST", 2, func() exchange { return http3Client(l, s.secure) })
	l.ask("gRPC calls", 2, func() exchange { return grpcUnary(conn) })
	l.keep("gRPC streams", 2, grpcStream(conn))
	l.keep("WebSockets", 4, webSocket(s.plain))
	l.keep("server-sent events, h1", 2, serverSentEvents(http.DefaultClient, "http://"+s.plain))
	l.keep("server-sent events, h2", 1, serverSentEvents(&http.Client{Transport: &http.Transport{
		TLSClientConfig: anyCertificate(), ForceAttemptHTTP2: true,
	}}, "https://"+s.secure))
	return l
}

// TestChanges changes routes, upstreams and plugins under load. No request is lost or comes twice, no stream ends, and what the
// gateway has learnt is still known.
func TestChanges(t *testing.T) {
	s := newScene(t)
	s.binary = build(t, "../../cmd/loom")
	g := start(t, s.binary, "text/loom", s.document(0), "--adapter", "loom")
	s.learn()
	before := g.usage()
	l := s.everyProtocol()
	pause := time.Duration(0)
	if *duration > 0 {
		pause = *duration / time.Duration(*changes)
	}
	took := make([]time.Duration, 0, *changes)
	for i := 1; i <= *changes; i++ {
		d, err := g.load(s.document(i))
		if err != nil {
			t.Fatal(err)
		}
		took = append(took, d)
		time.Sleep(max(pause, 100*time.Millisecond))
	}
	during := g.usage()
	table := l.stop()
	slices.Sort(took)
	t.Logf("%d changes, each in %v (median), %v at most\n%srepeated %d\nbefore: %v\nunder load: %v",
		*changes, took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), table, s.backends.repeated(), before, during)
	l.verdict()
	if n := s.backends.repeated(); n > 0 {
		t.Errorf("%d requests came twice", n)
	}
	s.remembers()
	s.settle(g, before)
	for _, line := range g.errors() {
		t.Errorf("the log says %s", line)
	}
}

// learn has the gateway learn something: a breaker that is open, a limit that is used up.
func (s *scene) learn() {
	for range 5 {
		s.status("/broken")
		s.status("/limited")
	}
	s.remembers()
}

func (s *scene) remembers() {
	s.t.Helper()
	if got := s.status("/broken"); got != http.StatusServiceUnavailable {
		s.t.Errorf("the breaker of a backend that is down: status %d", got)
	}
	if got := s.status("/limited"); got != http.StatusTooManyRequests {
		s.t.Errorf("a limit that is used up: status %d", got)
	}
}

func (s *scene) status(path string) int {
	s.t.Helper()
	res, err := http.Get("http://" + s.plain + path)
	if err != nil {
		s.t.Error(err)
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// settle reloads often without load, and waits for the gateway to be as small as before.
func (s *scene) settle(g *gateway, before usage) {
	if *reloads == 0 {
		return
	}
	began := time.Now()
	peak := g.usage()
	for i := range *reloads {
		if _, err := g.load(s.document(i)); err != nil {
			s.t.Fatal(err)
		}
		if i%50 == 0 {
			now := g.usage()
			peak = usage{max(peak.memory, now.memory), max(peak.goroutines, now.goroutines), max(peak.files, now.files)}
		}
	}
	s.t.Logf("%d reloads in %v, at most %v", *reloads, time.Since(began).Round(time.Second), peak)
	var after usage
	for range 30 { // Caddy keeps idle connections of old configurations for two minutes
		g.profile("heap?gc=1")
		if after = g.usage(); after.isLike(before) {
			break
		}
		time.Sleep(5 * time.Second)
	}
	s.t.Logf("after %v: %v", time.Since(began).Round(time.Second), after)
	if !after.isLike(before) {
		s.t.Errorf("it was %v", before)
	}
	s.remembers()
}

// TestStockCaddy has the same clients ask a Caddy without Loom, as far as it can answer them. It is not judged.
func TestStockCaddy(t *testing.T) {
	if !*stock {
		t.Skip("not run here: the comparison with Caddy alone (make soak does it)")
	}
	s := newScene(t)
	document := func(i int) string {
		host, port, _ := net.SplitHostPort(s.plain)
		return fmt.Sprintf(`{"apps": {"http": {"grace_period": "30s", "servers": {"plain": {"listen": ["%s:%s"], "automatic_https": {"disable": true},
			"protocols": ["h1"], "routes": [{"handle": [
			{"handler": "headers", "request": {"set": {"X-Generation": ["%d"]}}, "response": {"set": {"X-Generation": ["%d"]}}},
			{"handler": "reverse_proxy", "upstreams": [{"dial": %q}]}]}]}}}}}`, host, port, i, i, s.backends.api[i%2])
	}
	g := start(t, build(t, "github.com/caddyserver/caddy/v2/cmd/caddy"), "application/json", document(0))
	l := newLoad(t)
	l.ask("h1 new connections", 2, func() exchange { return newConnections(s.plain) })
	l.ask("h1 keep-alive POST", 4, func() exchange { return rawKeepAlive(s.plain, nil) })
	for i := 1; i <= *changes; i++ {
		if _, err := g.load(document(i)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("Caddy alone, %d changes\n%srepeated %d", *changes, l.stop(), s.backends.repeated())
}
