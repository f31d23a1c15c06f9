package upstream_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	proxyproto "github.com/pires/go-proxyproto"

	"github.com/loom-gateway/loom/internal/upstream"
)

// announced is a backend behind a listener that wants the PROXY protocol. It answers with the addresses that the header names.
func announced(t *testing.T, protocol string) (s *httptest.Server, opened *atomic.Int64) {
	t.Helper()
	opened = new(atomic.Int64)
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			io.WriteString(w, r.RemoteAddr+" "+r.Context().Value(http.LocalAddrContextKey).(net.Addr).String()+" "+r.Host)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n%s\n", r.RemoteAddr)
			conn.Close()
		}
	}))
	s.Listener = &proxyproto.Listener{Listener: s.Listener, ConnPolicy: func(proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
		return proxyproto.REQUIRE, nil
	}}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	switch protocol {
	case upstream.HTTPS:
		s.StartTLS()
	case "h2":
		s.EnableHTTP2 = true
		s.StartTLS()
	case upstream.H2C:
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	default:
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, opened
}

func askFor(ctx context.Context, u *upstream.Upstream, from, to string) (string, error) {
	call := u.Begin()
	defer call.End()
	if from != "" {
		call.For(netip.MustParseAddrPort(from), netip.MustParseAddrPort(to))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/", nil)
	if err != nil {
		return "", err
	}
	res, err := call.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func proxied(version string) map[string]upstream.Settings {
	insecure := upstream.TLS{InsecureSkipVerify: true}
	return map[string]upstream.Settings{
		"http loom":   {ProxyProtocol: version, Engine: upstream.EngineLoom},
		"http stock":  {ProxyProtocol: version, Engine: upstream.EngineStock},
		"https loom":  {ProxyProtocol: version, Engine: upstream.EngineLoom, Protocol: upstream.HTTPS, TLS: insecure},
		"https stock": {ProxyProtocol: version, Engine: upstream.EngineStock, Protocol: upstream.HTTPS, TLS: insecure},
		"h2c":         {ProxyProtocol: version, Protocol: upstream.H2C},
		"h2":          {ProxyProtocol: version, Protocol: upstream.HTTPS, TLS: insecure},
	}
}

// Each request arrives with the addresses of its own client, however many there are at once.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	for _, version := range upstream.ProxyProtocols() {
		for name, s := range proxied(version) {
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()
				protocol := s.Protocol
				if name == "h2" {
					protocol = name
				}
				backend, opened := announced(t, protocol)
				s.Endpoints = endpoints(backend.Listener.Addr().String())
				s.Pool.MaxPerEndpoint = 3
				if s.Protocol == upstream.H2C {
					s.Pool = upstream.Pool{}
				}
				u := newUpstream(t, s)
				var all sync.WaitGroup
				for i := range 8 {
					all.Go(func() {
						from, to := fmt.Sprintf("203.0.113.%d:40000", i), "192.0.2.1:443"
						if i%2 == 1 {
							from, to = fmt.Sprintf("[2001:db8::%d]:40000", i), "[2001:db8::1]:443"
						}
						for range 20 {
							if got, err := askFor(t.Context(), u, from, to); got != from+" "+to+" example.com" || err != nil {
								t.Errorf("%s is %q to the backend, %v", from, got, err)
								return
							}
						}
					})
				}
				all.Wait()
				multiplexed := name == "h2" || name == "h2c"
				if n := opened.Load(); multiplexed && n >= 160 || !multiplexed && n != 160 {
					t.Errorf("%d connections for 160 requests of 8 clients", n)
				}
				if got, err := askFor(t.Context(), u, "", ""); err != nil || got[:4] != "127." {
					t.Errorf("without a client it is %q, %v", got, err)
				}
			})
		}
	}
}

// What is sent first, byte for byte, also in front of a TLS handshake.
func TestProxyProtocolBytes(t *testing.T) {
	t.Parallel()
	v2 := "\r\n\r\n\x00\r\nQUIT\n"
	for _, test := range []struct{ version, from, to, want string }{
		{"v1", "203.0.113.7:40000", "192.0.2.1:443", "PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n"},
		{"v1", "[2001:db8::7]:40000", "[2001:db8::1]:443", "PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n"},
		{"v1", "[::ffff:203.0.113.7]:0", "192.0.2.1:443", "PROXY TCP4 203.0.113.7 192.0.2.1 0 443\r\n"},
		{"v1", "", "", "PROXY UNKNOWN\r\n"},
		{"v2", "203.0.113.7:40000", "192.0.2.1:443", v2 + "\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x01\x9c\x40\x01\xbb"},
		{"v2", "", "", v2 + "\x20\x00\x00\x00"},
	} {
		for _, protocol := range []string{upstream.HTTP, upstream.HTTPS} {
			for _, engine := range upstream.Engines() {
				got := firstBytes(t, upstream.Settings{
					ProxyProtocol: test.version, Protocol: protocol, Engine: engine, TLS: upstream.TLS{InsecureSkipVerify: true},
				}, test.from, test.to, len(test.want)+3)
				next := "GET"
				if protocol == upstream.HTTPS {
					next = "\x16\x03\x01" // a ClientHello
				}
				if got != test.want+next {
					t.Errorf("%s %s %s from %q:\n%q, want\n%q", test.version, protocol, engine, test.from, got, test.want+next)
				}
			}
		}
	}
}

// firstBytes are the first n that a backend gets of a request.
func firstBytes(t *testing.T, s upstream.Settings, from, to string, n int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.Endpoints = endpoints(l.Addr().String())
	u := newUpstream(t, s)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = askFor(t.Context(), u, from, to)
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(conn, text); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	l.Close()
	<-answered
	return string(text)
}

// Health checks come from the gateway itself, and upgraded connections have their client's address.
func TestProxyProtocolOfProbesAndUpgrades(t *testing.T) {
	t.Parallel()
	for _, engine := range upstream.Engines() {
		backend, _ := announced(t, upstream.HTTP)
		u := newUpstream(t, upstream.Settings{
			ProxyProtocol: upstream.ProxyV2, Engine: engine, Endpoints: endpoints(backend.Listener.Addr().String()), Health: probing(1e6),
		})
		u.Start()
		waitFor(t, "a probe", func() bool { return u.Snapshot().Endpoints[0].LastProbeAt != nil })
		if e := u.Snapshot().Endpoints[0]; e.LastProbeError != "" {
			t.Errorf("%s: probe: %s", engine, e.LastProbeError)
		}
		call := u.Begin()
		call.For(netip.MustParseAddrPort("203.0.113.7:40000"), netip.MustParseAddrPort("192.0.2.1:443"))
		req := request(t, nil)
		req.Header = http.Header{"Connection": {"upgrade"}, "Upgrade": {"echo"}}
		res, err := call.RoundTrip(req)
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(engine, res, err)
		}
		line, err := bufio.NewReader(res.Body).ReadString('\n')
		if line != "203.0.113.7:40000\n" {
			t.Errorf("%s: the upgrade came from %q, %v", engine, line, err)
		}
		res.Body.Close()
		call.End()
	}
}
