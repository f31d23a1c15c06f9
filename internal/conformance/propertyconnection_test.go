package conformance

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

func connectionProperties(s *suite) {
	s.check("A-07", 1, "source is the client as ip:port, IPv6 in brackets; behind trusted proxies the client that they name", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(asks("request_headers", "source|address", "source|port"))}})
		g.do(t, "GET", "/", nil)
		g.ended(t, 1)
		address := string(g.property(t, "source|address").value)
		host, port, err := net.SplitHostPort(address)
		if n, _ := strconv.ParseInt(port, 10, 64); err != nil || host != "127.0.0.1" || n != g.number(t, "source|port") {
			t.Errorf("source.address %q, port %d", address, g.number(t, "source|port"))
		}
		trusting := start(t, pluginMap(t, map[string]string{"p": asks("request_headers", "source|address")}, nil), routed(plaintext+
			`, "trusted_proxies": {"source": "static", "ranges": ["127.0.0.0/8"]}`, wasm("p")))
		for i, client := range []string{"203.0.113.9", "2001:db8::7"} {
			trusting.get(t, "/", "X-Forwarded-For", client)
			list := answersOf(t, trusting.ended(t, "p", i+1), "source|address")
			if host, _, err := net.SplitHostPort(string(list[i].value)); err != nil || host != client {
				t.Errorf("source.address %q behind a trusted proxy, %v", list[i].value, err)
			}
		}
	})
	s.check("A-08", 1, "destination is the address that the client has connected to", func(t *testing.T) {
		want := map[string]string{"destination|address": "", "destination|port": ""}
		g := asked(t, want, "GET", "/", "")
		address := g.Listener.Addr().(*net.TCPAddr)
		g.wantNumbers(t, map[string]int64{"destination|port": int64(address.Port)})
		g.wantText(t, map[string]string{"destination|address": address.String()})
	})
	s.check("A-14", 1, "connection.* tells of the connection, its TLS and both certificates; NOT_FOUND without", func(t *testing.T) {
		t.Run("mutual TLS", mutualTLS)
		t.Run("no client certificate", oneSidedTLS)
		t.Run("no TLS", func(t *testing.T) {
			want := map[string]string{
				"connection|mtls": "\x00", "connection|requested_server_name": "-", "connection|tls_version": "-", "connection|subject_peer_certificate": "-",
				"connection|subject_local_certificate": "-", "connection|sha256_peer_certificate_digest": "-", "connection|peer_certificate": "-",
				"connection|termination_details": "-", "connection|nothing": "-",
			}
			asked(t, want, "GET", "/", "").wantText(t, want)
		})
		t.Run("id", connectionIDs)
	})
}

func tlsProperties() []string {
	paths := []string{"mtls", "requested_server_name", "tls_version", "sha256_peer_certificate_digest", "peer_certificate"}
	for _, part := range []string{"subject", "dns_san", "uri_san"} {
		paths = append(paths, part+"_local_certificate", part+"_peer_certificate")
	}
	for i, path := range paths {
		paths[i] = "connection|" + path
	}
	return paths
}

// ask serves a request of a client that trusts the server, and asks for what TLS says.
func (c *certificates) ask(t *testing.T, client *tls.Config) *gateway {
	t.Helper()
	g := serve(t, setup{certificates: c, plugins: []plugin.Spec{probe(asks("request_headers", tlsProperties()...))}})
	g.Client().Transport.(*http.Transport).TLSClientConfig = client
	g.do(t, "GET", "/", nil)
	g.ended(t, 1)
	return g
}

func mutualTLS(t *testing.T) {
	c := newCertificates(t)
	client := c.trusted()
	client.Certificates = []tls.Certificate{c.client}
	g := c.ask(t, client)
	digest := sha256.Sum256(c.client.Leaf.Raw)
	g.wantText(t, map[string]string{
		"connection|mtls": "\x01", "connection|requested_server_name": "server.test", "connection|tls_version": "TLSv1.3",
		"connection|subject_local_certificate": "CN=server,O=Loom", "connection|subject_peer_certificate": "CN=client,O=Loom",
		"connection|dns_san_local_certificate": "server.test", "connection|dns_san_peer_certificate": "client.test",
		"connection|uri_san_local_certificate": "spiffe://test/server", "connection|uri_san_peer_certificate": "spiffe://test/client",
		"connection|sha256_peer_certificate_digest": hex.EncodeToString(digest[:]),
	})
	// The probe writes the first 512 bytes of a value.
	got := string(g.property(t, "connection|peer_certificate").value)
	decoded, err := url.PathUnescape(got[:strings.LastIndex(got, "%")])
	if err != nil || !strings.HasPrefix(pemOf("CERTIFICATE", c.client.Leaf.Raw), decoded) || strings.ContainsAny(got, "\n +/=") {
		t.Errorf("connection.peer_certificate %q, %v", got, err)
	}
}

func oneSidedTLS(t *testing.T) {
	c := newCertificates(t)
	client := c.trusted()
	client.MaxVersion = tls.VersionTLS12
	c.ask(t, client).wantText(t, map[string]string{
		"connection|mtls": "\x00", "connection|tls_version": "TLSv1.2", "connection|subject_local_certificate": "CN=server,O=Loom",
		"connection|subject_peer_certificate": "-", "connection|sha256_peer_certificate_digest": "-", "connection|peer_certificate": "-",
	})
}

// connectionIDs: one id for all requests of a connection, and another for another connection.
func connectionIDs(t *testing.T) {
	g := serve(t, setup{plugins: []plugin.Spec{probe(asks("request_headers", "connection|id", "connection_id"))}})
	for range 2 {
		conn := g.dial(t)
		for range 2 {
			if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			g.ended(t, 1)
		}
	}
	var ids []int64
	for _, a := range answersOf(t, g.log(), "connection|id") {
		ids = append(ids, asNumber(t, "connection.id", a))
	}
	for i, a := range answersOf(t, g.log(), "connection_id") {
		if asNumber(t, "connection_id", a) != ids[i] {
			t.Error("connection_id and connection.id differ")
		}
	}
	if len(ids) != 4 || ids[0] != ids[1] || ids[2] != ids[3] || len(slices.Compact(ids)) != 2 {
		t.Errorf("ids %d", ids)
	}
}
