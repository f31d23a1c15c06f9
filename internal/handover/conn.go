package handover

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// mostKept bounds what is kept of a request for the next server; a head is shorter.
const mostKept = 2 << 20

// http2Preface is what looks like a request at the beginning of HTTP/2 without TLS.
const http2Preface = "PRI * HTTP/2.0\r\n"

// Conn is a connection that its server can lose to the next one: it keeps what has been read of a request until a handler
// has it. Before track is called, and after an upgrade, it only passes bytes on.
type Conn struct {
	net.Conn
	listener *Listener

	mu      sync.Mutex
	left    sync.Cond // reading has become false
	ahead   spare     // read from the client, and not yet by the server
	kept    []byte    // read by the server, and by no handler
	framing framing
	headEnd int // in kept; 0 while the head is not whole

	tracked bool // by the hooks of a Server
	opaque  bool // not HTTP/1 any more, or something else that cannot be followed
	busy    bool // a handler has begun, and its response has not ended
	running bool // the handler has not returned
	ending  bool // closed between the two
	wrote   bool // something, since the last response ended
	expired bool // the last read has failed by its deadline
	broken  bool // a read has failed
	reading bool // a read of the client is under way
	gone    bool // closed, or with the next server

	idle idleness
}

func newConn(c net.Conn, l *Listener, unread []byte) *Conn {
	n := &Conn{Conn: c, listener: l, ahead: spare{bytes: unread}}
	n.left.L = &n.mu
	return n
}

// Read implements net.Conn. It ends where a part of a request ends.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return 0, net.ErrClosed
	}
	if p := c.ahead.peek(p); len(p) > 0 || c.ahead.left() > 0 {
		n := c.pass(p)
		c.ahead.drop(n)
		return n, nil
	}
	c.reading = true
	c.mu.Unlock()
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.reading = false
	c.left.Broadcast()
	c.expired = err != nil && isTimeout(err)
	c.broken = c.broken || err != nil && !c.expired
	if c.gone { // it is what the next server is to read
		c.ahead.add(p[:n])
		return 0, net.ErrClosed
	}
	c.idle.end(c.Conn)
	passed := c.pass(p[:n])
	c.ahead.add(p[passed:n])
	return passed, err
}

// pass follows what the server reads, and returns how much that may be.
func (c *Conn) pass(p []byte) int {
	if !c.tracked || c.opaque || len(p) == 0 {
		return len(p)
	}
	inHead := c.framing.part == head
	n, end := c.framing.next(p)
	if !inHead {
		return n
	}
	c.keep(p[:n])
	if !end {
		return n
	}
	c.headEnd = len(c.kept)
	if bytes.HasPrefix(c.kept, []byte(http2Preface)) {
		c.becomeOpaque()
	}
	return n
}

func (c *Conn) keep(p []byte) {
	if len(c.kept)+len(p) > mostKept {
		c.becomeOpaque()
		return
	}
	if c.kept == nil {
		c.kept = buffers.get()
	}
	c.kept = append(c.kept, p...)
}

func (c *Conn) forgetKept() {
	buffers.put(c.kept)
	c.kept = nil
}

func (c *Conn) becomeOpaque() {
	c.opaque = true
	c.forgetKept()
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	if !c.writing() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// ReadFrom implements io.ReaderFrom, for what the connection below has of it.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	if !c.writing() {
		return 0, net.ErrClosed
	}
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

func (c *Conn) writing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote = true
	return !c.gone
}

// CloseWrite closes the writing side, for a server that waits until the client has read.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || c.gone {
		return net.ErrClosed
	}
	c.wrote = true
	return half.CloseWrite()
}

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn. For a connection that came idle it is that of an idle one.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return net.ErrClosed
	}
	return c.Conn.SetReadDeadline(c.idle.deadline(t))
}

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return net.ErrClosed
	}
	return c.Conn.SetWriteDeadline(t)
}

// track is called before the server reads.
func (c *Conn) track() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tracked = true
}

// begin is called before the handler of a request, and tells whether it may run: the request may be with the next server.
func (c *Conn) begin(r *http.Request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return false
	}
	c.busy, c.running = true, true
	if r.ProtoMajor != 1 || c.headEnd == 0 {
		c.becomeOpaque()
	}
	c.beginBody(r.ContentLength)
	return true
}

// beginBody leaves what has been read of the next request: without a body, net/http already waits for it when the handler begins.
func (c *Conn) beginBody(length int64) {
	switch {
	case c.opaque:
	case c.headEnd == len(c.kept):
		c.forgetKept()
		c.framing.begin(length)
	case length == 0:
		c.kept = append(c.kept[:0], c.kept[c.headEnd:]...)
	default:
		c.becomeOpaque()
	}
	c.headEnd = 0
}

// end is called when the handler has returned, or panicked.
func (c *Conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = false
}

// rest is called when a response has ended whole and another request may come.
func (c *Conn) rest() {
	c.mu.Lock()
	c.busy, c.wrote, c.expired = false, false, false // net/http has ended a read by its deadline itself
	if c.framing.part != head || c.headEnd != 0 {    // of the body net/http knows better where it ends; or it has answered itself (OPTIONS *)
		c.becomeOpaque()
	}
	c.ending = false
	leaves := !c.opaque && c.listener.draining() // HTTP/2 goes away by itself
	c.mu.Unlock()
	if leaves {
		c.Close()
	}
}

// release is called when the connection is upgraded.
func (c *Conn) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.becomeOpaque()
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
