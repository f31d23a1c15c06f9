package handover

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const patience = 20 * time.Second

// town is an address on which servers follow one another.
type town struct {
	t         *testing.T
	socket    *Socket
	registry  Registry
	tls       *tls.Config
	protocols *http.Protocols
	requests  atomic.Int64
}

func newTown(t *testing.T) *town {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewSocket(l, net.KeepAliveConfig{})
	t.Cleanup(func() { s.Close() })
	return &town{t: t, socket: s}
}

// newTLSTown has a certificate of httptest.
func newTLSTown(t *testing.T) *town {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	w := newTown(t)
	w.tls = s.TLS.Clone()
	w.tls.NextProtos = []string{"http/1.1"}
	return w
}

func (w *town) address() string { return w.socket.listener.Addr().String() }

// generation is one of the servers.
type generation struct {
	t      *testing.T
	name   string
	server *http.Server
	begun  chan struct{} // Shutdown has closed the listeners
	ended  chan struct{} // and returned
}

// open starts a server; its answers begin with its name.
func (w *town) open(name, kind string, handle http.HandlerFunc) *generation {
	below := w.socket.Listen(net.KeepAliveConfig{}, func() {})
	if w.tls != nil {
		below = tls.NewListener(below, w.tls)
	}
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.requests.Add(1)
		rw.Header().Set("Server", name)
		handle(rw, r)
	})
	follower := NewServer(&w.registry, handler, func() Timeouts { return Timeouts{Handshake: patience, Idle: patience} })
	g := &generation{t: w.t, name: name, begun: make(chan struct{}), ended: make(chan struct{})}
	g.server = &http.Server{ReadHeaderTimeout: patience, ConnContext: follower.ConnContext, ConnState: follower.ConnState, Handler: handler}
	g.server.Protocols = w.protocols
	g.server.RegisterOnShutdown(func() { close(g.begun) })
	go g.server.Serve(follower.Listen(below, Kind{Settings: kind}))
	w.t.Cleanup(func() { g.server.Close() })
	return g
}

// shutDown returns when the server takes no more requests.
func (g *generation) shutDown() {
	defer func() { <-g.begun }()
	go func() {
		defer close(g.ended)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := g.server.Shutdown(ctx); err != nil {
			g.t.Errorf("shutting down: %v", err)
		}
	}()
}

func (g *generation) wait() {
	g.t.Helper()
	select {
	case <-g.ended:
	case <-time.After(patience):
		g.t.Fatal("the server does not end")
	}
}

// client is one connection, on which a test writes what it likes.
type client struct {
	t *testing.T
	net.Conn
	read *bufio.Reader
}

func (w *town) dial() *client {
	w.t.Helper()
	c, err := net.Dial("tcp", w.address())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	if w.tls != nil {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // a certificate of a test
	}
	return &client{t: w.t, Conn: c, read: bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer returns who has answered, and what.
func (c *client) answer() (server, body string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.read, nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.Header.Get("Server"), string(data)
}

func (c *client) wantAnswer(server, body string) {
	c.t.Helper()
	if s, b := c.answer(); s != server || b != body {
		c.t.Errorf("answer %q from %q, want %q from %q", b, s, body, server)
	}
}

func (c *client) wantClosed() {
	c.t.Helper()
	if b, err := c.read.ReadByte(); err == nil {
		c.t.Errorf("byte %q, want the end of the connection", b)
	} else if strings.Contains(err.Error(), "timeout") {
		c.t.Error("the connection is still open")
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Write(append([]byte(r.URL.Path+" "), data...))
}

const get = "GET /get HTTP/1.1\r\nHost: x\r\n\r\n"
