package redis

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// maxConns is the most connections of a pool; further commands wait for one.
	maxConns = 64
	// maxIdle is how many of them are kept while nobody uses them.
	maxIdle = 16
)

// Options are the settings of a pool.
type Options struct {
	// Dial connects to the server.
	Dial func(ctx context.Context) (net.Conn, error)
	// Username and Password log in (AUTH). Default: not logged in; a password without a name is that of the default user.
	Username, Password string
	// DB is the database (SELECT). Default: 0.
	DB int
	// MaxReply is the most of a reply that is kept, in bytes. Required.
	MaxReply int
}

// Pool is a set of connections with the same login. It is safe for concurrent use.
type Pool struct {
	options Options
	slots   chan struct{}

	mu     sync.Mutex
	idle   []idleConn // the last one was used last
	closed bool
}

type idleConn struct {
	*conn
	since time.Time
}

// NewPool makes a pool. It opens no connection.
func NewPool(o Options) *Pool { return &Pool{options: o, slots: make(chan struct{}, maxConns)} }

// CheckCommand reports what is wrong with a command: it must be one array of bulk strings.
func CheckCommand(command []byte) error {
	_, err := commandName(command)
	return err
}

// Do sends one command and returns its reply, which may be an error of the server's. ctx bounds all of it and must have a
// deadline. Commands are never sent twice. Errors: ErrTooLarge, that of ctx, and what the network says.
func (p *Pool) Do(ctx context.Context, command []byte) ([]byte, error) {
	name, err := commandName(command)
	if err != nil {
		return nil, err
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := p.get(ctx)
	if err != nil {
		return nil, err
	}
	data, err := c.do(ctx, command)
	if err != nil || changesConnection(name) {
		c.close()
		return data, err
	}
	p.put(c)
	return data, nil
}

// get takes an idle connection, or makes one.
func (p *Pool) get(ctx context.Context) (*conn, error) {
	for {
		c := p.pop()
		if c == nil {
			return p.connect(ctx)
		}
		if c.usable() {
			return c, nil
		}
		c.close()
	}
}

func (p *Pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return c.conn
}

func (p *Pool) connect(ctx context.Context) (*conn, error) {
	if p.isClosed() {
		return nil, errors.New("the pool is closed")
	}
	raw, err := p.options.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c := newConn(raw, p.options.MaxReply)
	if err := c.greet(ctx, p.options); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// put keeps a connection, and closes those that were idle for too long or are too many.
func (p *Pool) put(c *conn) {
	p.mu.Lock()
	drop := []*conn{c}
	if !p.closed {
		p.idle, drop = append(p.idle, idleConn{c, time.Now()}), nil
	}
	for len(p.idle) > 0 && (len(p.idle) > maxIdle || time.Since(p.idle[0].since) > idleTimeout) {
		drop = append(drop, p.idle[0].conn)
		p.idle = p.idle[1:]
	}
	p.mu.Unlock()
	for _, c := range drop {
		c.close()
	}
}

func (p *Pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// CloseIdle closes the connections that nobody uses.
func (p *Pool) CloseIdle() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}

// Close closes the pool; commands under way go on, on connections that are closed behind them.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.CloseIdle()
}
