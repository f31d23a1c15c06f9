package conformance

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"github.com/loom-gateway/loom/internal/freeport"
	"github.com/loom-gateway/loom/internal/selfsigned"
	"github.com/loom-gateway/loom/modules/moduletest"

	_ "github.com/loom-gateway/loom/modules/proxy"
	_ "github.com/loom-gateway/loom/modules/wasmfilter"
)

// carrier is a client that speaks one protocol to a Caddy with Loom in it.
type carrier struct {
	name, url string
	client    *http.Client
	caddy     *moduletest.Caddy
}

// do sends a request with the headers name, value, name, value …
func (c carrier) do(t *testing.T, method, path string, body io.Reader, header ...string) answer {
	t.Helper()
	a, err := c.try(method, path, body, header...)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return a
}

func (c carrier) try(method, path string, body io.Reader, header ...string) (answer, error) {
	return exchange(c.client, method, c.url+path, body, header...)
}

// overCaddy runs the probe in a real Caddy, in front of loom_proxy and a backend, and returns a client for each protocol.
func overCaddy(t *testing.T, script string, backend http.HandlerFunc) []carrier {
	t.Helper()
	b := httptest.NewServer(backend)
	t.Cleanup(b.Close)
	return carriers(t, moduletest.Provision(t, caddyConfig(t, script, b.Listener.Addr().String(), "http")).Start())
}

// caddyConfig has a server for HTTPS (h1, h2, h3) and one without TLS (h1, h2c).
func caddyConfig(t *testing.T, script, backend, protocol string) string {
	t.Helper()
	cert, key := selfsigned.Files(t, "127.0.0.1")
	handlers := `[{"handle": [{"handler": "loom_wasm", "plugins": [{"name": "p"}]}, {"handler": "loom_proxy", "upstream": "backend"}]}]`
	path, err := filepath.Abs("../../plugins/probe/probe.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return `{"apps": {
		"tls": {"disable_storage_clean": true, "certificates": {"load_files": [{"certificate": ` + moduletest.Quote(cert) + `, "key": ` + moduletest.Quote(key) + `}]}},
		"loom": {
			"plugins": {"p": {"path": ` + moduletest.Quote(path) + `, "config": ` + moduletest.Quote(script) + `, "instances": 1}},
			"upstreams": {"backend": {"protocol": "` + protocol + `", "endpoints": [{"address": "` + backend + `"}]}}
		},
		"http": {"servers": {
			"https": {"listen": ["` + freeport.Address(t) + `"], "protocols": ["h1", "h2", "h3"], "automatic_https": {"disable": true},
				"tls_connection_policies": [{}], "routes": ` + handlers + `},
			"plain": {"listen": ["127.0.0.1:0"], "protocols": ["h1", "h2c"], "automatic_https": {"disable": true}, "routes": ` + handlers + `}
		}}}}`
}

func carriers(t *testing.T, c *moduletest.Caddy) []carrier {
	t.Helper()
	trust := func() *tls.Config { return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} }
	only := func(set func(*http.Protocols)) *http.Transport {
		transport := &http.Transport{TLSClientConfig: trust(), Protocols: new(http.Protocols)}
		set(transport.Protocols)
		t.Cleanup(transport.CloseIdleConnections)
		return transport
	}
	quic := &http3.Transport{TLSClientConfig: trust()}
	t.Cleanup(func() { _ = quic.Close() })
	secure, plain := "https://"+c.Addr("https"), c.URL("plain")
	list := []carrier{
		{name: "h1", url: secure, client: &http.Client{Transport: only(func(p *http.Protocols) { p.SetHTTP1(true) })}},
		{name: "h2", url: secure, client: &http.Client{Transport: only(func(p *http.Protocols) { p.SetHTTP2(true) })}},
		{name: "h3", url: secure, client: &http.Client{Transport: quic}},
		{name: "h1 without TLS", url: plain, client: &http.Client{Transport: only(func(p *http.Protocols) { p.SetHTTP1(true) })}},
		{name: "h2c", url: plain, client: &http.Client{Transport: only(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })}},
	}
	for i := range list {
		list[i].client.Timeout, list[i].caddy = patience, c
	}
	return list
}
