package portability

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/loom-gateway/loom/internal/selfsigned"
)

// certificate is what both gateways show: one of their own making, for every scenario's name.
type certificate struct{ chain, key string }

func newCertificate(t *testing.T) certificate {
	t.Helper()
	chain, key := selfsigned.Files(t, "*.test")
	return certificate{chain, key}
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
