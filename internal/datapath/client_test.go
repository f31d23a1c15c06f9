package datapath

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/loom-gateway/loom/internal/selfsigned"
)

// client speaks one protocol to the gateway.
type client struct {
	name string
	url  string
	http.RoundTripper
}

// clients has one client for each protocol of the gateway.
func (g *gateway) clients(t testing.TB) []client {
	t.Helper()
	tcp := func(set func(*http.Protocols)) *http.Transport {
		transport := &http.Transport{
			TLSClientConfig: trust(), DisableCompression: true, MaxResponseHeaderBytes: 1 << 20, ExpectContinueTimeout: patience,
			Protocols: new(http.Protocols),
		}
		set(transport.Protocols)
		t.Cleanup(transport.CloseIdleConnections)
		return transport
	}
	quic := &http3.Transport{TLSClientConfig: trust(), DisableCompression: true, MaxResponseHeaderBytes: 1 << 20}
	t.Cleanup(func() { _ = quic.Close() })
	secure, plain := "https://"+g.secure, "http://"+g.plain
	return []client{
		{"h1", plain, tcp(func(p *http.Protocols) { p.SetHTTP1(true) })},
		{"h1-tls", secure, tcp(func(p *http.Protocols) { p.SetHTTP1(true) })},
		{"h2c", plain, tcp(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })},
		{"h2", secure, tcp(func(p *http.Protocols) { p.SetHTTP2(true) })},
		{"h3", secure, quic},
	}
}

// client is the one of that name.
func (g *gateway) client(t testing.TB, name string) client {
	t.Helper()
	for _, c := range g.clients(t) {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("there is no client %q", name)
	return client{}
}

// each runs a test for every protocol.
func (g *gateway) each(t *testing.T, test func(t *testing.T, c client)) {
	t.Helper()
	for _, c := range g.clients(t) {
		t.Run(c.name, func(t *testing.T) { test(t, c) })
	}
}

// request makes one to the gateway; header is name, value, name, value …
func (c client) request(t testing.TB, method, path string, body io.Reader, header ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return req
}

// do sends a request and reads the whole answer.
func (c client) do(t testing.TB, method, path string, body io.Reader, header ...string) (*http.Response, string) {
	t.Helper()
	return c.send(t, c.request(t, method, path, body, header...))
}

func (c client) send(t testing.TB, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := c.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the response: %v", req.Method, req.URL.Path, err)
	}
	return res, string(data)
}

// get sends a GET and says what came of it: the status with the body, or "broken" when the client has seen that something is
// missing.
func (c client) get(t testing.TB, path string) string {
	t.Helper()
	res, err := c.RoundTrip(c.request(t, http.MethodGet, path, nil))
	if err != nil {
		return "broken"
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return "broken"
	}
	return strings.TrimSpace(res.Status[:3] + " " + string(data))
}

func trust() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} // the test is about what passes inside
}

// certificate is one for 127.0.0.1, signed by itself, in files.
type certificate struct {
	chain, key string
	pair       tls.Certificate
}

func newCertificate(t testing.TB) certificate {
	t.Helper()
	chain, key := selfsigned.Files(t, "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate{chain, key, pair}
}

// dial connects to an address of the gateway, with TLS where there is to be some; protocols are for ALPN.
func dial(t testing.TB, address string, secure bool, protocols ...string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	if !secure {
		return conn
	}
	config := trust()
	config.NextProtos = protocols
	over := tls.Client(conn, config)
	if err := over.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	return over
}
