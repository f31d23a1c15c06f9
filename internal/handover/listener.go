package handover

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Listener gives a server new connections and those that other servers pass on.
type Listener struct {
	net.Listener
	server  *Server
	kind    Kind
	address string
	queue   *queue
	closing atomic.Bool

	mu    sync.Mutex
	conns map[*Conn]struct{} // that a server has
}

func (l *Listener) run() {
	err := eachAccepted(l.Listener, l.take)
	if l.closing.CompareAndSwap(false, true) {
		_ = l.close(err) // it is closed already
	}
}

// take prepares a new connection. A handshake is done here, so that HTTP/1.1 can be told from HTTP/2, which net/http must see as
// the type that it knows.
func (l *Listener) take(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		go l.handshake(t)
		return
	}
	l.deliver(newConn(c, l, nil), c)
}

// handshake leaves a failed one to net/http too, which has answers and log lines for it.
func (l *Listener) handshake(c *tls.Conn) {
	defer closeAfterPanic(c)
	if limit := l.server.timeouts().Handshake; limit > 0 {
		_ = c.SetDeadline(time.Now().Add(limit)) // a failure shows in the handshake
	}
	err := c.HandshakeContext(context.Background())
	_ = c.SetDeadline(time.Time{})
	if err != nil || !speaksHTTP1(c) {
		l.deliver(c, c)
		return
	}
	l.deliver(&tlsConn{newConn(c, l, nil)}, c)
}

// closeAfterPanic keeps a panic of what chooses certificates to its connection, as net/http does.
func closeAfterPanic(c net.Conn) {
	if reason := recover(); reason != nil {
		log.Printf("panic in the TLS handshake of %v: %v\n%s", c.RemoteAddr(), reason, debug.Stack())
		c.Close()
	}
}

func speaksHTTP1(c *tls.Conn) bool {
	protocol := c.ConnectionState().NegotiatedProtocol
	return protocol == "" || protocol == "http/1.1"
}

// deliver gives the connection to the server. raw is the one below it, for another listener if this one has closed meanwhile.
func (l *Listener) deliver(c, raw net.Conn) {
	if !l.queue.push(c) && !l.pass(raw, nil) {
		raw.Close()
	}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) { return l.queue.pop() }

// Close implements net.Listener. Who waits, and who has no handler at work, goes to the next listener.
func (l *Listener) Close() error {
	if !l.closing.CompareAndSwap(false, true) {
		return nil
	}
	return l.close(closedError(l))
}

func (l *Listener) close(err error) error {
	l.server.registry.remove(l)
	l.server.left.CompareAndSwap(nil, l)
	closed := l.Listener.Close()
	for _, c := range l.queue.close(err) {
		l.passWaiting(c)
	}
	for _, c := range l.served() {
		c.leaveNow()
	}
	return closed
}

func (l *Listener) draining() bool { return l.closing.Load() }

// passWaiting passes on a connection that the server has not seen.
func (l *Listener) passWaiting(c net.Conn) {
	raw, unread := c, []byte(nil)
	if own := connOf(c); own != nil {
		raw, unread = own.Conn, own.ahead.take()
	}
	if !l.pass(raw, unread) {
		raw.Close()
	}
}

// pass gives the connection, and what has been read of it, to the next listener, and reports whether there is one.
func (l *Listener) pass(raw net.Conn, unread []byte) bool {
	for next := l.server.registry.next(l); next != nil; next = l.server.registry.next(l) {
		if next.queue.push(next.adopt(raw, unread)) {
			return true
		}
	}
	return false
}

func (l *Listener) adopt(raw net.Conn, unread []byte) net.Conn {
	c := newConn(raw, l, unread)
	if len(unread) == 0 {
		c.idle.limit = l.server.timeouts().Idle
	}
	t, ok := raw.(*tls.Conn)
	switch {
	case !ok:
		return c
	case speaksHTTP1(t):
		return &tlsConn{c}
	}
	return t
}

func (l *Listener) served() []*Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]*Conn, 0, len(l.conns))
	for c := range l.conns {
		list = append(list, c)
	}
	return list
}

func (l *Listener) remember(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = struct{}{}
}

func (l *Listener) forget(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// tlsConn is a Conn above TLS.
type tlsConn struct{ *Conn }

// ConnectionState is what the request's TLS field shows.
func (c *tlsConn) ConnectionState() tls.ConnectionState {
	t, _ := c.Conn.Conn.(*tls.Conn)
	return t.ConnectionState()
}
