package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// conn is a connection with one command under way at most. A goroutine reads all the time, so that a connection which
// the server has closed while it was idle is noticed before it is used again.
type conn struct {
	net.Conn
	replies chan reply
	done    chan struct{}
	read    chan struct{} // closed when the reader has ended
}

type reply struct {
	data []byte
	err  error
}

func newConn(c net.Conn, maxReply int) *conn {
	n := &conn{Conn: c, replies: make(chan reply, 1), done: make(chan struct{}), read: make(chan struct{})}
	go n.receive(maxReply)
	return n
}

func (c *conn) receive(maxReply int) {
	defer close(c.read)
	from := bufio.NewReader(c.Conn)
	for {
		data, err := readValue(from, maxReply)
		select {
		case c.replies <- reply{data, err}:
		case <-c.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// usable reports whether nothing came that nobody has asked for: an end, or a stray reply.
func (c *conn) usable() bool { return len(c.replies) == 0 }

func (c *conn) close() {
	close(c.done)
	_ = c.Close()
	<-c.read
}

// do sends a command and waits for its reply. After an error the connection is of no use.
func (c *conn) do(ctx context.Context, command []byte) ([]byte, error) {
	deadline, _ := ctx.Deadline()
	if err := c.SetWriteDeadline(deadline); err != nil {
		return nil, err
	}
	if _, err := c.Write(command); err != nil {
		return nil, fmt.Errorf("sending the command: %w", err)
	}
	select {
	case r := <-c.replies:
		if r.err != nil {
			return nil, fmt.Errorf("reading the reply: %w", r.err)
		}
		return r.data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// greet logs in and picks the database.
func (c *conn) greet(ctx context.Context, o Options) error {
	if o.Password != "" {
		words := []string{"AUTH", o.Username, o.Password}
		if o.Username == "" {
			words = []string{"AUTH", o.Password}
		}
		if err := c.expectOK(ctx, words...); err != nil {
			return fmt.Errorf("logging in: %w", err)
		}
	}
	if o.DB != 0 {
		if err := c.expectOK(ctx, "SELECT", strconv.Itoa(o.DB)); err != nil {
			return fmt.Errorf("picking database %d: %w", o.DB, err)
		}
	}
	return nil
}

func (c *conn) expectOK(ctx context.Context, words ...string) error {
	data, err := c.do(ctx, appendCommand(nil, words...))
	if err != nil {
		return err
	}
	if data[0] == '-' {
		return errors.New("the server says " + string(data[1:len(data)-2]))
	}
	return nil
}

// changesConnection reports whether a command changes what later ones on the connection mean, or what comes back:
// a connection on which one went is not used again.
func changesConnection(name string) bool {
	switch name {
	case "AUTH", "SELECT", "HELLO", "RESET", "QUIT", "MULTI", "WATCH", "CLIENT", "READONLY", "READWRITE", "ASKING",
		"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC":
		return true
	}
	return false
}

// idleTimeout is how long a connection is kept that nobody uses.
const idleTimeout = 5 * time.Minute
