package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"
)

// TLS is how connections of the protocol https are made.
type TLS struct {
	// ServerName for SNI and verification. Default: the host of the endpoint; required for unix sockets.
	ServerName string
	// CA are the roots to trust, in PEM. Default: the system's.
	CA []byte
	// Cert and Key are the client certificate, in PEM; both or neither. Default: none.
	Cert, Key []byte
	// MinVersion is tls1.2 or tls1.3. Default: tls1.2.
	MinVersion string
	// InsecureSkipVerify accepts any certificate. Default: false.
	InsecureSkipVerify bool
}

// Config is the client configuration; who connects adds the server name when none is given.
func (t TLS) Config() (*tls.Config, error) {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // asked for by name in the config
	}
	if t.MinVersion != "" {
		if err := oneOf("tls min_version", t.MinVersion, []string{"tls1.2", "tls1.3"}); err != nil {
			return nil, err
		}
		if t.MinVersion == "tls1.3" {
			c.MinVersion = tls.VersionTLS13
		}
	}
	if len(t.CA) > 0 {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(t.CA) {
			return nil, errors.New("tls ca: no certificate in PEM found")
		}
	}
	if (len(t.Cert) > 0) != (len(t.Key) > 0) {
		return nil, errors.New("tls cert and key: both are required, or neither")
	}
	if len(t.Cert) > 0 {
		pair, err := tls.X509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("reading the tls client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// clientConfig is the configuration for one endpoint: SNI needs a name, and ALPN the protocols.
func clientConfig(common *tls.Config, address Address, protocols ...string) *tls.Config {
	config := common.Clone()
	config.NextProtos = protocols
	if config.ServerName == "" {
		config.ServerName = address.Host
	}
	return config
}

// handshake makes a connection secure, or closes it. A failure is a *DialError: nothing of a request was sent, so that another
// endpoint may get it.
func handshake(ctx context.Context, conn net.Conn, config *tls.Config, timeout time.Duration) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, &DialError{Err: fmt.Errorf("tls handshake: %w", err)}
	}
	return secure, nil
}
