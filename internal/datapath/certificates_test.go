package datapath

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/caddyserver/caddy/v2/modules/filestorage" // the certificates of a test are not the machine's
	"github.com/quic-go/quic-go/http3"

	"github.com/loom-gateway/loom/internal/freeport"
	"github.com/loom-gateway/loom/modules/moduletest"
)

// with has the clients use other TLS settings; those for plain connections are left out.
func (g *gateway) with(t *testing.T, config *tls.Config) (list []client) {
	t.Helper()
	for _, c := range g.clients(t) {
		switch transport := c.RoundTripper.(type) {
		case *http.Transport:
			transport.TLSClientConfig = config.Clone()
		case *http3.Transport:
			transport.TLSClientConfig = config.Clone()
		}
		if strings.HasPrefix(c.url, "https:") {
			list = append(list, c)
		}
	}
	return list
}

// A listener whose certificates Caddy's own authority signs: clients that trust its root reach the host over every protocol, and
// nothing else is served.
func TestAutomaticCertificates(t *testing.T) {
	t.Parallel()
	const host = "gateway.example.test"
	g, storage := &gateway{secure: freeport.Address(t)}, t.TempDir()
	document := fmt.Sprintf("listeners: [{address: %q, protocol: https, tls: {automatic: {hosts: [%s], issuer: internal}}}]\n", g.secure, host)
	var config map[string]any
	if err := json.Unmarshal([]byte(adapt(t, document+throughAPlugin+upstream([]string{echoBackend(t)}))), &config); err != nil {
		t.Fatal(err)
	}
	config["storage"] = map[string]any{"module": "file_system", "root": storage}
	g.Caddy = moduletest.Provision(t, moduletest.Quote(config)).Start()

	authority := x509.NewCertPool()
	until(t, "the authority's root in the storage", func() bool {
		root, err := os.ReadFile(filepath.Join(storage, "pki/authorities/local/root.crt"))
		return err == nil && authority.AppendCertsFromPEM(root)
	})
	for _, c := range g.with(t, &tls.Config{RootCAs: authority, ServerName: host}) {
		t.Run(c.name, func(t *testing.T) {
			ask := func(name string) string {
				req := c.request(t, http.MethodGet, "/", nil)
				req.Host = name
				res, body := c.send(t, req)
				return res.Status[:3] + " " + body
			}
			until(t, "the certificate", func() bool { // it is signed in the background
				res, err := c.RoundTrip(c.request(t, http.MethodGet, "/", nil))
				if err == nil {
					res.Body.Close()
				}
				return err == nil
			})
			if got := ask(host); got != "200 "+strings.Repeat(greeting, 10) {
				t.Errorf("the host answers %q", got)
			}
			if got := ask("other.example.test"); got != "404 " {
				t.Errorf("another host answers %q", got)
			}
		})
	}
	for _, c := range g.with(t, &tls.Config{RootCAs: authority, ServerName: "other.example.test"}) {
		if got := c.get(t, "/"); got != "broken" {
			t.Errorf("%s: a name that has no certificate gets %q", c.name, got)
		}
	}
	if trusted := installed(t, storage); trusted != "" {
		t.Errorf("the machine trusts the authority: %s", trusted)
	}
}

// installed finds the authority of the storage in the places where Caddy would put it on this machine.
func installed(t *testing.T, storage string) string {
	t.Helper()
	root, err := os.ReadFile(filepath.Join(storage, "pki/authorities/local/root.crt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"/usr/local/share/ca-certificates/*", "/etc/pki/ca-trust/source/anchors/*", "/usr/share/pki/trust/anchors/*"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, bytes.TrimSpace(root)) {
				return path
			}
		}
	}
	return ""
}

// authority signs client certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "an authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{parsed, key, writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))}
}

// client is a certificate that the authority has signed, until a time.
func (a authority) client(t *testing.T, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "a client"}, NotBefore: time.Now().Add(-2 * time.Hour),
		NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A listener with client_ca serves clients whose certificate that authority has signed, and no others.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	ours, theirs, cert := newAuthority(t), newAuthority(t), newCertificate(t)
	g := &gateway{secure: freeport.Address(t)}
	document := fmt.Sprintf("listeners: [{address: %q, protocol: https, tls: {cert: %q, key: %q, client_ca: %q}}]\n", g.secure, cert.chain, cert.key, ours.file)
	g.Caddy = moduletest.Provision(t, adapt(t, document+throughAPlugin+upstream([]string{echoBackend(t)}))).Start()
	good := ours.client(t, time.Now().Add(time.Hour))
	const served, refused = "200", "broken"
	for name, c := range map[string]struct {
		certificates []tls.Certificate
		want         string
	}{
		"signed":              {[]tls.Certificate{good}, served},
		"without":             {nil, refused},
		"signed by another":   {[]tls.Certificate{theirs.client(t, time.Now().Add(time.Hour))}, refused},
		"expired":             {[]tls.Certificate{ours.client(t, time.Now().Add(-time.Hour))}, refused},
		"the server's itself": {[]tls.Certificate{cert.pair}, refused},
	} {
		config := trust()
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { // shown whoever is asked for
			if len(c.certificates) == 0 {
				return new(tls.Certificate), nil
			}
			return &c.certificates[0], nil
		}
		for _, client := range g.with(t, config) {
			t.Run(name+"/"+client.name, func(t *testing.T) {
				if got, _, _ := strings.Cut(client.get(t, "/"), " "); got != c.want {
					t.Errorf("the client gets %s, want %s", got, c.want)
				}
			})
		}
	}
	t.Run("curl", func(t *testing.T) { curlWithCertificate(t, g, good) })
}

// curlWithCertificate asks with OpenSSL, with the certificate and without.
func curlWithCertificate(t *testing.T, g *gateway, good tls.Certificate) {
	curl := need(t, "curl")
	key, err := x509.MarshalPKCS8PrivateKey(good.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	shown := writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good.Certificate[0]}))+
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	for _, protocol := range []string{"--http1.1", "--http2"} {
		args := []string{protocol, "--silent", "--insecure", "--max-time", "20", "--write-out", "%{http_code}", "--output", os.DevNull, "https://" + g.secure + "/"}
		if out, err := exec.Command(curl, append(args, "--cert", shown)...).Output(); err != nil || string(out) != "200" {
			t.Errorf("curl %s with the certificate: %s, %v", protocol, out, err)
		}
		if out, err := exec.Command(curl, args...).Output(); err == nil || string(out) != "000" {
			t.Errorf("curl %s without a certificate: %s, %v", protocol, out, err)
		}
	}
}
