package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/bench/process"
)

// serveBackend answers every request with 130 bytes.
func serveBackend(ctx context.Context) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	body := make([]byte, 130)
	for i := range body {
		body[i] = 'x'
	}
	server := &http.Server{ReadHeaderTimeout: process.Patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(body)
	})}
	go func() { _ = server.Serve(l) }()
	return l, nil
}

// cost asks a route for a slice of time, and returns the gateway's CPU time for one request, in microseconds.
func (g *gateway) cost(ctx context.Context, work string, o options) (float64, error) {
	before, err := g.CPU()
	if err != nil {
		return 0, err
	}
	requests, err := load(ctx, g.addresses[work], host(work), o)
	if err != nil {
		return 0, err
	}
	after, err := g.CPU()
	if err != nil {
		return 0, err
	}
	return float64(after-before) / float64(requests) / float64(time.Microsecond), nil
}

// load asks on several connections at once until the slice is over, and counts the answers.
func load(ctx context.Context, address, host string, o options) (requests int64, err error) {
	end := time.Now().Add(o.slice)
	var count atomic.Int64
	errs := make([]error, o.connections)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = ask(ctx, address, host, end, &count) })
	}
	wg.Wait()
	return count.Load(), errors.Join(errs...)
}

// ask is one connection.
func ask(ctx context.Context, address, host string, end time.Time, count *atomic.Int64) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(end.Add(process.Patience)); err != nil {
		return err
	}
	request := []byte("GET /path HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: a client\r\nAccept: */*\r\n\r\n")
	answers := bufio.NewReader(conn)
	for time.Now().Before(end) {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || n == 0 {
			return fmt.Errorf("the answer is %s with %d bytes: %w", res.Status, n, err)
		}
		count.Add(1)
	}
	return nil
}
