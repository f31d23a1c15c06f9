package conformance

import (
	"bytes"
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
	"net/url"
	"testing"
	"time"
)

// certificates are those of a server and of a client, from one authority.
type certificates struct {
	authority      *x509.Certificate
	server, client tls.Certificate
}

func newCertificates(t *testing.T) *certificates {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c := &certificates{}
	if c.authority, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	c.server = c.issue(t, key, 2, "server")
	c.client = c.issue(t, key, 3, "client")
	return c
}

// issue makes a certificate of NAME, for NAME.test and spiffe://test/NAME.
func (c *certificates) issue(t *testing.T, by *ecdsa.PrivateKey, serial int64, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name, Organization: []string{"Loom"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name + ".test", "other.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		URIs:     []*url.URL{{Scheme: "spiffe", Host: "test", Path: "/" + name}},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, c.authority, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// serving is what a server needs to show its certificate, and to ask for the client's.
func (c *certificates) serving() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{c.server}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: c.trusted().RootCAs, MinVersion: tls.VersionTLS12,
	}
}

// trusted is what a client needs to trust the server.
func (c *certificates) trusted() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(c.authority)
	return &tls.Config{RootCAs: roots, ServerName: "server.test", MinVersion: tls.VersionTLS12}
}

func pemOf(kind string, der []byte) string {
	var out bytes.Buffer
	_ = pem.Encode(&out, &pem.Block{Type: kind, Bytes: der})
	return out.String()
}

// shown is the certificate that the server shows; it may be nil.
func (c *certificates) shown(*http.Request) *x509.Certificate {
	if c == nil {
		return nil
	}
	return c.server.Leaf
}
