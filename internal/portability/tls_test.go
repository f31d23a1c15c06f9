package portability

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// certificate is what both gateways show: one of their own making, for every scenario's name.
type certificate struct{ chain, key string }

func newCertificate(t *testing.T) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gateway", Organization: []string{"Test"}}, DNSNames: []string{"*.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	chain, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := certificate{filepath.Join(dir, "chain.pem"), filepath.Join(dir, "key.pem")}
	for path, block := range map[string]*pem.Block{c.chain: {Type: "CERTIFICATE", Bytes: chain}, c.key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// client is a client of one protocol that finds the gateway under every name.
type client interface {
	http.RoundTripper
	CloseIdleConnections()
}

func newClient(protocol, address string) client {
	insecure := &tls.Config{InsecureSkipVerify: true} // the test is about what the gateway makes of the connection
	if protocol == "h3" {
		return &http3.Transport{TLSClientConfig: insecure, Dial: func(ctx context.Context, _ string, c *tls.Config, q *quic.Config) (*quic.Conn, error) {
			return quic.DialAddrEarly(ctx, address, c, q)
		}}
	}
	t := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols), TLSClientConfig: insecure}
	t.Protocols.SetHTTP1(protocol == "h1")
	t.Protocols.SetUnencryptedHTTP2(protocol == "h2")
	t.Protocols.SetHTTP2(protocol == "https")
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return t
}
