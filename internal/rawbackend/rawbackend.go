// Package rawbackend is a backend on a raw socket, for tests: it says byte for byte what its script tells it to, so that it can
// be as wrong as real backends are.
package rawbackend

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// patience is how long a connection may take before its reads and writes fail.
const patience = 40 * time.Second

// Backend listens on a socket of the loopback interface.
type Backend struct {
	// Address is host:port.
	Address string

	mu       sync.Mutex
	accepted int
	open     map[*Conn]bool
	listener net.Listener
	running  sync.WaitGroup
	close    sync.Once
}

// Start listens, and has serve follow its script on each connection; n counts them from 1. What serve leaves open is closed
// behind it. The backend is closed when the test ends.
func Start(t testing.TB, serve func(n int, conn *Conn)) *Backend {
	t.Helper()
	return StartAt(t, "127.0.0.1:0", serve)
}

// StartAt is Start on an address that is known, such as that of a backend which was closed.
func StartAt(t testing.TB, address string, serve func(n int, conn *Conn)) *Backend {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	b := &Backend{Address: l.Addr().String(), listener: l, open: map[*Conn]bool{}}
	b.running.Go(func() { b.accept(serve) })
	t.Cleanup(b.Close)
	return b
}

func (b *Backend) accept(serve func(int, *Conn)) {
	for {
		nc, err := b.listener.Accept()
		if err != nil {
			return
		}
		_ = nc.SetDeadline(time.Now().Add(patience))
		conn := &Conn{Conn: nc, Reader: bufio.NewReader(nc)}
		b.mu.Lock()
		b.accepted++
		n := b.accepted
		b.open[conn] = true
		b.mu.Unlock()
		b.running.Go(func() {
			defer b.forget(conn)
			serve(n, conn)
		})
	}
}

func (b *Backend) forget(conn *Conn) {
	_ = conn.Close()
	b.mu.Lock()
	delete(b.open, conn)
	b.mu.Unlock()
}

// Connections is how many were accepted.
func (b *Backend) Connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.accepted
}

// Close is the death of the backend: nobody listens any more, and what is open is closed. It waits for the scripts.
func (b *Backend) Close() {
	b.close.Do(func() {
		_ = b.listener.Close()
		b.mu.Lock()
		for conn := range b.open {
			_ = conn.Conn.Close()
		}
		b.mu.Unlock()
		b.running.Wait()
	})
}

// Conn is a connection that the backend has accepted.
type Conn struct {
	net.Conn
	// Reader is what comes from the other side.
	Reader *bufio.Reader
	// Over is set when the connection is closed, or can no longer be read or written.
	Over bool
}

// ReadRequest reads a whole request; nil when there is none.
func (c *Conn) ReadRequest() *http.Request {
	req := c.ReadHead()
	if req == nil {
		return nil
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil
	}
	return req
}

// ReadHead reads the head of a request; its body is to be read.
func (c *Conn) ReadHead() *http.Request {
	req, err := http.ReadRequest(c.Reader)
	if err != nil {
		c.Over = true
		return nil
	}
	return req
}

// Send sends it byte by byte as it stands.
func (c *Conn) Send(text string) {
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.Over = true
	}
}

// Close closes the connection.
func (c *Conn) Close() error {
	c.Over = true
	return c.Conn.Close()
}

// Reset closes the connection with a reset.
func (c *Conn) Reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
