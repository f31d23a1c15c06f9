package http1

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"syscall"
)

// conn is one connection. It belongs to one exchange at a time, or to the pool.
type conn struct {
	client *Client
	nc     net.Conn
	abort  func()               // closes nc: the context's last word
	tls    *tls.ConnectionState // nil without TLS
	socket syscall.RawConn      // nil when there is none to look at
	plain  bool                 // what the socket reads is what nc reads
	ready  func(fd uintptr) bool

	reused bool   // it has served a request before
	age    uint32 // the pool's, when it became idle

	in  input
	out *[]byte // nil between two exchanges
	req []byte  // what is to be sent, in out
	saw error   // what ready has to say
	ask bool    // ready has not looked and sent yet
}

func (c *Client) newConn(nc net.Conn) *conn {
	conn := &conn{client: c, nc: nc, plain: true}
	conn.abort = func() { _ = nc.Close() }
	socket := nc
	if secure, ok := nc.(*tls.Conn); ok {
		state := secure.ConnectionState()
		conn.tls, conn.plain, socket = &state, false, secure.NetConn()
	}
	if s, ok := socket.(syscall.Conn); ok && canPeek {
		conn.socket, _ = s.SyscallConn()
	}
	conn.ready = conn.askAndRead
	return conn
}

// roundTrip sends the request and reads the head of the response.
func (c *conn) roundTrip(req *http.Request, inform Informational) (*http.Response, error) {
	x := &exchange{conn: c, req: req, inform: inform}
	c.in.data, c.out = c.client.buffers.get(), c.client.buffers.get()
	x.watch()
	if err := x.send(); err != nil {
		return nil, x.fail(err)
	}
	res, err := x.receive()
	if err != nil {
		return nil, x.fail(err)
	}
	return res, nil
}

// write sends what stands in c.req, and waits for the beginning of the answer where it can do both in one go.
func (c *conn) write() error {
	if c.socket == nil || !c.plain {
		if c.reused && !c.alive() {
			return errStale
		}
		_, err := c.nc.Write(c.req)
		return err
	}
	c.ask, c.saw = true, nil
	if err := c.socket.Read(c.ready); err != nil {
		return err
	}
	return c.saw
}

// askAndRead runs in the socket's read loop: it makes sure that nothing has come, sends the request and then waits. Looking
// first costs nothing, since Go's own Read would ask the kernel in vain before it waits as well. A byte that came before
// the request would pass for its response.
func (c *conn) askAndRead(fd uintptr) bool {
	n, again, err := readSocket(fd, c.in.space(smallBuffer))
	switch {
	case c.ask && again:
		c.ask = false
		_, c.saw = c.nc.Write(c.req)
		return c.saw != nil
	case c.ask && c.reused:
		c.saw = errStale
	case c.ask && n > 0:
		c.saw = errSpokeFirst
	case again:
		return false
	case err != nil:
		c.saw = err
	case n == 0:
		c.saw = io.EOF
	}
	if c.saw == nil {
		c.in.w += n
	}
	return true
}

// alive reports whether an idle connection is open and silent.
func (c *conn) alive() bool { return c.socket == nil || silent(c.socket) }

// release gives the buffers back: before the connection is idle, or when it is gone.
func (c *conn) release() {
	if c.in.data != nil {
		c.client.buffers.put(c.in.data)
	}
	if c.out != nil {
		c.client.buffers.put(c.out)
	}
	c.in, c.out, c.req = input{}, nil, nil
}

// watch has the end of the context close the connection.
func (x *exchange) watch() {
	if ctx := x.req.Context(); ctx.Done() != nil {
		x.unwatch = context.AfterFunc(ctx, x.conn.abort)
	}
}
