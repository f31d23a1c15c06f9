package upstream_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/upstream"
)

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate for a name, for servers and clients, in PEM.
func (a *authority) issue(t *testing.T, name string, until time.Time) (cert, key []byte) {
	t.Helper()
	own := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, own.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

// mutual is a backend with a certificate that wants one of its clients from the same authority.
func (a *authority) mutual(t *testing.T, name string, until time.Time, http2 bool, newest uint16) *httptest.Server {
	t.Helper()
	certPEM, keyPEM := a.issue(t, name, until)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Client", r.Proto+" "+r.TLS.PeerCertificates[0].DNSNames[0])
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, MaxVersion: newest}
	s.EnableHTTP2 = http2
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// What is wrong with a certificate, of either side, is in the error; with a good one both engines and both versions of HTTP work.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	cert, key := ours.issue(t, "gateway.test", soon)
	oldCert, oldKey := ours.issue(t, "gateway.test", past)
	foreignCert, foreignKey := theirs.issue(t, "gateway.test", soon)
	good := upstream.TLS{ServerName: "backend.test", CA: ours.pem, Cert: cert, Key: key}
	with := func(change func(*upstream.TLS)) upstream.TLS {
		s := good
		change(&s)
		return s
	}
	// A server with TLS 1.3 refuses a client behind the handshake: the connection may be gone before the reason is read.
	for name, test := range map[string]struct {
		tls    upstream.TLS
		until  time.Time
		newest uint16
		want   string // in the error; empty: it works
	}{
		"good":                    {good, soon, 0, ""},
		"tls 1.2":                 {good, soon, tls.VersionTLS12, ""},
		"unknown root":            {with(func(s *upstream.TLS) { s.CA = theirs.pem }), soon, 0, "certificate signed by unknown authority"},
		"another name":            {with(func(s *upstream.TLS) { s.ServerName = "other.test" }), soon, 0, "certificate is valid for backend.test, not other.test"},
		"expired":                 {good, past, 0, "certificate has expired or is not yet valid"},
		"too old a version":       {with(func(s *upstream.TLS) { s.MinVersion = "tls1.3" }), soon, tls.VersionTLS12, "protocol version not supported"},
		"no client cert":          {with(func(s *upstream.TLS) { s.Cert, s.Key = nil, nil }), soon, tls.VersionTLS12, "tls handshake: remote error: tls: "},
		"no client cert, tls 1.3": {with(func(s *upstream.TLS) { s.Cert, s.Key = nil, nil }), soon, 0, "upstream \"test\", endpoint "},
		"foreign client":          {with(func(s *upstream.TLS) { s.Cert, s.Key = foreignCert, foreignKey }), soon, tls.VersionTLS12, "tls handshake: remote error: tls: "},
		"foreign client, tls 1.3": {with(func(s *upstream.TLS) { s.Cert, s.Key = foreignCert, foreignKey }), soon, 0, "upstream \"test\", endpoint "},
		"expired client":          {with(func(s *upstream.TLS) { s.Cert, s.Key = oldCert, oldKey }), soon, tls.VersionTLS12, "tls handshake: remote error: tls: "},
		"expired client, tls 1.3": {with(func(s *upstream.TLS) { s.Cert, s.Key = oldCert, oldKey }), soon, 0, "upstream \"test\", endpoint "},
	} {
		for _, engine := range upstream.Engines() {
			for _, http2 := range []bool{false, true} {
				s := ours.mutual(t, "backend.test", test.until, http2, test.newest)
				u := newUpstream(t, upstream.Settings{Endpoints: endpoints(s.Listener.Addr().String()), Protocol: upstream.HTTPS, TLS: test.tls, Engine: engine})
				call := u.Begin()
				res, err := call.RoundTrip(request(t, nil))
				switch {
				case err == nil && test.want == "":
					want := map[bool]string{false: "HTTP/1.1 gateway.test", true: "HTTP/2.0 gateway.test"}[http2]
					if got := res.Header.Get("X-Client"); got != want {
						t.Errorf("%s by %s: the backend saw %s, want %s", name, engine, got, want)
					}
				case test.want == "" || err == nil || !strings.Contains(err.Error(), test.want):
					t.Errorf("%s by %s, http2 %t: %v, want %q", name, engine, http2, err, test.want)
				}
				if err == nil {
					res.Body.Close()
				}
				call.End()
			}
		}
	}
}
