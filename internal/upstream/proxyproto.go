package upstream

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
)

// Versions of the PROXY protocol.
const (
	ProxyV1 = "v1" // a line of text
	ProxyV2 = "v2" // binary
)

// ProxyProtocols are the valid values of Settings.ProxyProtocol beside none.
func ProxyProtocols() []string { return []string{ProxyV1, ProxyV2} }

// client is whom a request is sent for, by the addresses of its connection to the gateway.
type client struct{ from, to netip.AddrPort }

type clientKey struct{}

// For says whose request it is, by the addresses of the client's connection: its own, and the gateway's. With ProxyProtocol the
// backend hears them; they are not valid where nobody knows.
func (c *Call) For(from, to netip.AddrPort) {
	if from.IsValid() && to.IsValid() {
		c.client = client{netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port()), netip.AddrPortFrom(to.Addr().Unmap().WithZone(""), to.Port())}
	}
}

// ProxyProtocol is one of ProxyProtocols, or empty.
func (u *Upstream) ProxyProtocol() string { return u.settings.ProxyProtocol }

// announce puts the client where the dialer finds it.
func (c *Call) announce(ctx context.Context) context.Context {
	if c.upstream.settings.ProxyProtocol == "" || !c.client.from.IsValid() {
		return ctx
	}
	return context.WithValue(ctx, clientKey{}, c.client)
}

func clientOf(ctx context.Context) client {
	c, _ := ctx.Value(clientKey{}).(client)
	return c
}

// authority keeps the connections of http.Transport apart: it takes the host of the URL for where they lead.
func (c client) authority() string {
	from, _ := c.from.MarshalBinary()
	to, _ := c.to.MarshalBinary()
	return hex.EncodeToString(from) + "." + hex.EncodeToString(to) + ".client:80"
}

// announcing is a dialer that writes the header of the PROXY protocol before anything else. Without a client it says that the
// gateway speaks for itself, as for health checks.
func announcing(dial dialFunc, version string, timeout time.Duration) dialFunc {
	number := byte(1)
	if version == ProxyV2 {
		number = 2
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		header := proxyproto.HeaderProxyFromAddrs(number, nil, nil)
		if c := clientOf(ctx); c.from.IsValid() {
			header = proxyproto.HeaderProxyFromAddrs(number, net.TCPAddrFromAddrPort(c.from), net.TCPAddrFromAddrPort(c.to))
		}
		_ = conn.SetWriteDeadline(time.Now().Add(timeout))
		if _, err = header.WriteTo(conn); err == nil {
			err = conn.SetWriteDeadline(time.Time{})
		}
		if err != nil {
			_ = conn.Close()
			return nil, &DialError{Err: fmt.Errorf("writing the header of the PROXY protocol: %w", err)}
		}
		return conn, nil
	}
}

// aside makes sure that no connection is used for another client than that which its header names. One with HTTP/1.1 serves one
// request; those with HTTP/2 are kept for their client.
func (s Settings) aside(t *http.Transport) {
	if s.ProxyProtocol == "" {
		return
	}
	multiplexes := s.Protocol == H2C || s.Protocol == GRPC || s.Protocol == HTTPS && s.Engine == EngineLoom
	t.DisableKeepAlives = !multiplexes
}

func (s Settings) checkProxyProtocol() error {
	if s.ProxyProtocol == "" {
		return nil
	}
	return oneOf("proxy_protocol", s.ProxyProtocol, ProxyProtocols())
}
