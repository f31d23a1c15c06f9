package soak

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// exchange sends one request with an id and checks that one configuration has answered it, and no mix of two. An error is a lost request.
type exchange func(ctx context.Context, id string) error

// pace is between two requests of a client.
const pace = 5 * time.Millisecond

// anyCertificate is a configuration of its own for each client: they add protocols to it.
func anyCertificate() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the certificate of a test
}

// rawKeepAlive speaks HTTP/1.1 on one connection until the gateway says that it closes it, and tries nothing twice.
func rawKeepAlive(address string, config *tls.Config) exchange {
	var conn net.Conn
	var read *bufio.Reader
	return func(ctx context.Context, id string) error {
		if conn == nil {
			var err error
			if conn, err = dial(ctx, address, config); err != nil {
				return err
			}
			read = bufio.NewReader(conn)
		}
		res, err := post(conn, read, id)
		if err != nil || res.Close {
			conn.Close()
			conn = nil
		}
		return err
	}
}

func dial(ctx context.Context, address string, config *tls.Config) (net.Conn, error) {
	if config == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
}

func post(conn net.Conn, read *bufio.Reader, id string) (*http.Response, error) {
	_ = conn.SetDeadline(time.Now().Add(patience)) // a failure shows in what follows
	if _, err := fmt.Fprintf(conn, "POST /api/post HTTP/1.1\r\nHost: soak\r\nContent-Length: %d\r\n\r\n%s", len(id), id); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(read, nil)
	if err != nil {
		return nil, err
	}
	return res, check(res, id)
}

// check reads a response, and closes its body.
func check(res *http.Response, id string) error {
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s", res.StatusCode, data)
	}
	var backend, generation int
	var got string
	if n, _ := fmt.Sscan(string(data), &backend, &generation, &got); n < 3 || got != id || generation%2 != backend {
		return fmt.Errorf("answer %q to %q is of no one configuration", data, id)
	}
	if header := res.Header.Get(generationHeader); header != fmt.Sprint(generation) {
		return fmt.Errorf("the request had configuration %d, its response %s", generation, header)
	}
	return nil
}

// posting uses a client of Go's or quic-go's. They may send again what the gateway says it has not seen.
func posting(transport http.RoundTripper, url string) exchange {
	return func(ctx context.Context, id string) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/post", strings.NewReader(id))
		if err != nil {
			return err
		}
		res, err := transport.RoundTrip(r)
		if err != nil {
			return err
		}
		return check(res, id)
	}
}

func newConnections(address string) exchange {
	return posting(&http.Transport{DisableKeepAlives: true}, "http://"+address)
}

// http2Client and http3Client are closed with the load: the gateway waits for their connections when it stops.
func http2Client(l *load, address string) exchange {
	transport := &http.Transport{TLSClientConfig: anyCertificate(), ForceAttemptHTTP2: true}
	l.closers = append(l.closers, transport.CloseIdleConnections)
	return posting(transport, "https://"+address)
}

func http3Client(l *load, address string) exchange {
	transport := &http3.Transport{TLSClientConfig: anyCertificate()}
	l.closers = append(l.closers, func() { _ = transport.Close() })
	return posting(transport, "https://"+address)
}
