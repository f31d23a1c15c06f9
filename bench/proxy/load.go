package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/bench/process"
)

// serveBackend answers with 130 bytes, or with 1 MiB.
func serveBackend(ctx context.Context) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	small, large := []byte(strings.Repeat("x", 130)), []byte(strings.Repeat("x", 1<<20))
	server := &http.Server{ReadHeaderTimeout: process.Patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := small
		if strings.HasSuffix(r.URL.Path, "large") {
			body = large
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})}
	go func() { _ = server.Serve(l) }()
	return l, nil
}

// client asks over one connection.
type client struct {
	conn    net.Conn // nil with HTTP/2
	answers *bufio.Reader
	http2   *http.Transport
	address string
}

func dial(ctx context.Context, p *running, k kase) (*client, error) {
	insecure := &tls.Config{InsecureSkipVerify: true, ServerName: "bench.test"} //nolint:gosec // the certificate was made for this
	if k.http2 {
		return &client{address: p.secure, http2: &http.Transport{TLSClientConfig: insecure, ForceAttemptHTTP2: true, DisableCompression: true}}, nil
	}
	address := p.plain
	if k.tls {
		address = p.secure
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if k.tls {
		secure := tls.Client(conn, insecure)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = secure
	}
	return &client{conn: conn, answers: bufio.NewReaderSize(conn, 64<<10)}, nil
}

func (c *client) close() {
	if c.http2 != nil {
		c.http2.CloseIdleConnections()
		return
	}
	_ = c.conn.Close()
}

// ask sends a request and reads the whole answer.
func (c *client) ask(ctx context.Context, path string) error {
	res, err := c.send(ctx, path)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	switch {
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK || n == 0:
		return fmt.Errorf("the answer is %s with %d bytes", res.Status, n)
	case c.http2 != nil && res.ProtoMajor != 2:
		return errors.New("the answer came over " + res.Proto)
	}
	return nil
}

func (c *client) send(ctx context.Context, path string) (*http.Response, error) {
	if c.http2 != nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+c.address+path, http.NoBody)
		if err != nil {
			return nil, err
		}
		return c.http2.RoundTrip(req)
	}
	if err := c.conn.SetDeadline(time.Now().Add(process.Patience)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c.conn, "GET "+path+" HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: a client\r\nAccept: */*\r\n\r\n"); err != nil {
		return nil, err
	}
	return http.ReadResponse(c.answers, nil)
}

// clients are several connections.
func clients(ctx context.Context, p *running, k kase, n int) (list []*client, err error) {
	for range n {
		c, err := dial(ctx, p, k)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
		if err := c.ask(ctx, k.path); err != nil { // connects
			return nil, err
		}
	}
	return list, nil
}

func closeAll(list []*client) {
	for _, c := range list {
		c.close()
	}
}

// cost asks on several connections at once, and returns the gateway's CPU time for one request, in microseconds, and how many it
// has answered in a second.
func cost(ctx context.Context, p *running, k kase, o options) (cpu, perSecond float64, err error) {
	list, err := clients(ctx, p, k, o.connections)
	if err != nil {
		return 0, 0, err
	}
	defer closeAll(list)
	start := time.Now()
	before, err := p.CPU()
	if err != nil {
		return 0, 0, err
	}
	var count atomic.Int64
	errs, end := make([]error, len(list)), start.Add(o.slice)
	var all sync.WaitGroup
	for i, c := range list {
		all.Go(func() {
			for time.Now().Before(end) && errs[i] == nil {
				errs[i] = c.ask(ctx, k.path)
				count.Add(1)
			}
		})
	}
	all.Wait()
	after, err := p.CPU()
	requests := float64(count.Load())
	return float64(after-before) / requests / float64(time.Microsecond), requests / time.Since(start).Seconds(), errors.Join(append(errs, err)...)
}

// latencies asks at a fixed rate, and measures from the moment at which a request was due: what waits for a connection waits for
// the gateway. In microseconds.
func latencies(ctx context.Context, p *running, k kase, rate int, o options) ([]float64, error) {
	list, err := clients(ctx, p, k, o.connections)
	if err != nil {
		return nil, err
	}
	defer closeAll(list)
	due := make(chan time.Time, rate*int(o.slice/time.Second+1))
	took, errs := make([][]float64, len(list)), make([]error, len(list))
	var all sync.WaitGroup
	for i, c := range list {
		all.Go(func() {
			for at := range due {
				if errs[i] == nil {
					errs[i] = c.ask(ctx, k.path)
				}
				took[i] = append(took[i], float64(time.Since(at))/float64(time.Microsecond))
			}
		})
	}
	start, step := time.Now(), time.Second/time.Duration(rate)
	for n := range int(o.slice / step) {
		at := start.Add(time.Duration(n) * step)
		time.Sleep(time.Until(at))
		due <- at
	}
	close(due)
	all.Wait()
	var together []float64
	for _, some := range took {
		together = append(together, some...)
	}
	return together, errors.Join(errs...)
}
