package wasmfilter_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// A plugin sees the certificate that Caddy has shown. The test runs alone: Caddy has one cache of certificates for the
// process, and drops it with the last config of another test.
func TestLocalCertificate(t *testing.T) { //nolint:paralleltest // see above
	lender := httptest.NewTLSServer(http.NotFoundHandler())
	lender.Close()
	pair := lender.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	script := "request_headers: prop connection|dns_san_local_certificate; set 0 x-order $val; prop connection|subject_local_certificate"
	c := moduletest.Provision(t, `{"apps":{
		"tls":{"disable_storage_clean":true,"certificates":{"load_pem":[{"certificate":`+moduletest.Quote(pemText("CERTIFICATE", pair.Certificate[0]))+
		`,"key":`+moduletest.Quote(pemText("PRIVATE KEY", key))+`}]}},
		"loom":{"plugins":{"p":{"path":`+moduletest.Quote(probePath(t))+`,"config":`+moduletest.Quote(script)+`}}},
		"http":{"servers":{"test":{"listen":["127.0.0.1:0"],"protocols":["h1"],"automatic_https":{"disable":true},"tls_connection_policies":[{}],
			"routes":[{"handle":[{"handler":"loom_wasm","plugins":[{"name":"p"}]},`+answer+`]}]}}}}}`).Start()
	transport := &http.Transport{TLSClientConfig: &tls.Config{ServerName: "example.com", InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Get("https://" + c.Addr(""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil || !strings.HasPrefix(body.String(), "example.com ") {
		t.Errorf("%q, %v", body.String(), err)
	}
}

func pemText(kind string, data []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
}
