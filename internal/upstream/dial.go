package upstream

import (
	"context"
	"net"
	"net/http"
)

// Protocol is the one to the backends, one of Protocols.
func (u *Upstream) Protocol() string { return u.settings.Protocol }

// Engine carries HTTP/1.1 to the backends, one of Engines.
func (u *Upstream) Engine() string { return u.settings.Engine }

// Dial connects to an endpoint, and to the next one as long as no connection can be made, for protocols that net/http does
// not speak. With the protocol https the connection is over TLS. The call ends when the connection is closed by its user.
// Errors: ErrNoEndpoint, and *DialError when every endpoint was tried.
func (c *Call) Dial(ctx context.Context) (conn net.Conn, err error) {
	ctx = c.announce(ctx)
	err = c.try(ctx, func(e *Endpoint) (*http.Response, error) {
		conn, err = e.dial(ctx)
		return nil, err
	})
	return conn, err
}

func (e *Endpoint) dial(ctx context.Context) (net.Conn, error) {
	e.requests.Add(1)
	conn, err := e.transport.DialContext(ctx, e.address.Network, e.address.Dial)
	if err != nil {
		e.dialErrors.Add(1)
		return nil, err
	}
	if e.scheme != "https" {
		return conn, nil
	}
	secure, err := handshake(ctx, conn, clientConfig(e.transport.TLSClientConfig, e.address), e.transport.TLSHandshakeTimeout)
	if err != nil {
		e.dialErrors.Add(1)
		return nil, err
	}
	return secure, nil
}
