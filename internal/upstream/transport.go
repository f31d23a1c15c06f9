package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

const (
	// continueTimeout is how long a request with `Expect: 100-continue` waits for the backend before its body is sent.
	continueTimeout = time.Second

	// An HTTP/2 connection that is silent for pingAfter is probed, and closed when no answer comes within pingTimeout.
	pingAfter   = 30 * time.Second
	pingTimeout = 15 * time.Second
)

// newTransport makes the connection pool of one endpoint. The proxy variables of the environment do not apply, and
// no compression is added.
func newTransport(s Settings, address Address, tlsConfig *tls.Config) *http.Transport {
	mostConnections := s.Pool.MaxPerEndpoint
	if s.Protocol == HTTPS && s.Engine == EngineLoom {
		mostConnections = 0 // it carries HTTP/2, for which there would be a wait without end
	}
	t := &http.Transport{
		Protocols:              protocols(s.Protocol),
		DialContext:            dialer(s, address),
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    s.Pool.DialTimeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    s.Pool.MaxIdlePerEndpoint,
		MaxConnsPerHost:        mostConnections,
		IdleConnTimeout:        s.Pool.IdleTimeout,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: s.MaxResponseHeader,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
	s.aside(t)
	return t
}

func protocols(protocol string) *http.Protocols {
	p := new(http.Protocols)
	switch protocol {
	case H2C, GRPC:
		p.SetUnencryptedHTTP2(true)
	case HTTPS:
		p.SetHTTP1(true)
		p.SetHTTP2(true)
	default:
		p.SetHTTP1(true)
	}
	return p
}

// dialFunc is http.Transport's: network and addr are what the URL of the request says.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// dialer connects to the address whatever the URL of the request says, and marks its errors.
func dialer(s Settings, address Address) dialFunc {
	d := &net.Dialer{Timeout: s.Pool.DialTimeout}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, address.Network, address.Dial)
		if err != nil {
			return nil, &DialError{Err: err}
		}
		return conn, nil
	}
	if s.ProxyProtocol != "" {
		return announcing(dial, s.ProxyProtocol, s.Pool.DialTimeout)
	}
	return dial
}

// tlsDialer is a dialer with a TLS handshake behind it: http.Transport's own would not mark its errors.
func tlsDialer(dial dialFunc, config *tls.Config, timeout time.Duration) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		secure, err := handshake(ctx, conn, config, timeout)
		if err != nil {
			return nil, err
		}
		return secure, nil
	}
}

// DialError says that no connection was made, so no byte of the request was sent.
type DialError struct{ Err error }

func (e *DialError) Error() string { return e.Err.Error() }

// Unwrap returns what the dialer said.
func (e *DialError) Unwrap() error { return e.Err }

// Timeout reports whether connecting took too long.
func (e *DialError) Timeout() bool {
	t, ok := errors.AsType[net.Error](e.Err)
	return ok && t.Timeout()
}

// Temporary completes net.Error.
func (e *DialError) Temporary() bool { return false }

// Interface guard
var _ net.Error = (*DialError)(nil)
