package handover

import (
	"net"
	"time"
)

// longAgo is a deadline that ends a read which waits.
func longAgo() time.Time { return time.Unix(1, 0) }

// Close implements net.Conn. If the server has no other reason than that it shuts down, and the client is owed no more of
// a response, the connection goes on with the next server.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return net.ErrClosed
	}
	if c.canLeave() {
		c.leave()
		return nil
	}
	if c.busy && !c.running && c.tracked && !c.opaque && c.listener.draining() {
		// Either it is not to be used again, and the hook says StateClosed next, or a server that shuts down takes it for
		// idle, and the hook says so next.
		c.ending = true
		c.mu.Unlock()
		return nil
	}
	c.gone = true
	c.mu.Unlock()
	c.listener.forget(c)
	return c.Conn.Close()
}

// closed is called when the server has closed the connection.
func (c *Conn) closed() {
	c.mu.Lock()
	ending := c.ending && !c.gone
	c.gone = c.gone || ending
	c.mu.Unlock()
	c.listener.forget(c)
	if ending {
		c.Conn.Close()
	}
}

// leaveNow does not wait for the server to close. It does nothing where a handler is at work.
func (c *Conn) leaveNow() {
	c.mu.Lock()
	if c.gone || !c.canLeave() {
		c.mu.Unlock()
		return
	}
	c.leave()
}

// canLeave tells whether nothing is wrong with the connection. It does not ask whether the listener is closed: net/http begins
// to close connections before it closes the listener.
func (c *Conn) canLeave() bool {
	return c.tracked && !c.opaque && !c.busy && !c.wrote && !c.broken && !c.expired
}

// leave is called with the lock, and gives it back.
func (c *Conn) leave() {
	c.gone = true
	if c.reading {
		_ = c.Conn.SetReadDeadline(longAgo()) // else the read ends by itself
		for c.reading {
			c.left.Wait()
		}
	}
	broken := c.broken
	unread := append(c.kept, c.ahead.take()...)
	c.kept = nil
	c.mu.Unlock()
	c.listener.forget(c)
	if broken || c.Conn.SetDeadline(time.Time{}) != nil || !c.listener.pass(c.Conn, unread) {
		c.Conn.Close()
	}
}
