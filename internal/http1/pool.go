package http1

import (
	"context"
	"slices"
	"sync"
	"time"
)

// sweeps is how often idle connections are looked at in an idle timeout.
const sweeps = 4

// pool is the connections of a client that are idle, and those who wait for one.
type pool struct {
	maxIdle, maxConns int
	idleTimeout       time.Duration

	mu      sync.Mutex
	idle    []*conn   // the last one that was used last
	waiting []*waiter // first come first
	open    int       // connections that exist or are being made
	closing bool      // nothing is kept until the next request
	age     uint32    // sweeps so far
	timer   *time.Timer
}

// waiter gets a connection, or nil for the permission to make one.
type waiter struct{ ready chan *conn }

// connect is an idle connection that looks alive, or a new one.
func (c *Client) connect(ctx context.Context, fresh bool) (*conn, error) {
	conn, err := c.pool.get(ctx, fresh)
	if conn != nil || err != nil {
		return conn, err
	}
	nc, err := c.settings.Dial(ctx)
	if err != nil {
		c.pool.lost()
		return nil, err
	}
	return c.newConn(nc), nil
}

// get returns an idle connection, or nil when the caller may make one.
func (p *pool) get(ctx context.Context, fresh bool) (*conn, error) {
	p.mu.Lock()
	p.closing = false
	full := p.maxConns > 0 && p.open >= p.maxConns
	if n := len(p.idle); n > 0 && (!fresh || full) {
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	if !full {
		p.open++
		p.mu.Unlock()
		return nil, nil
	}
	w := &waiter{ready: make(chan *conn, 1)}
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()
	return p.wait(ctx, w)
}

func (p *pool) wait(ctx context.Context, w *waiter) (*conn, error) {
	select {
	case c := <-w.ready:
		return c, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.waiting, w)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // it was served at the same moment
		if c := <-w.ready; c != nil {
			p.put(c)
		} else {
			p.lost()
		}
	}
	return nil, context.Cause(ctx)
}

// next is the one who has waited longest, nil when nobody waits. The lock is held.
func (p *pool) next() *waiter {
	if len(p.waiting) == 0 {
		return nil
	}
	w := p.waiting[0]
	p.waiting = slices.Delete(p.waiting, 0, 1)
	return w
}

// put takes a connection back.
func (p *pool) put(c *conn) {
	if p.maxIdle == 0 { // not for those who wait either
		_ = c.nc.Close()
		p.lost()
		return
	}
	c.reused = true
	p.mu.Lock()
	if w := p.next(); w != nil {
		p.mu.Unlock()
		w.ready <- c
		return
	}
	if p.closing || len(p.idle) >= p.maxIdle {
		p.open--
		p.mu.Unlock()
		_ = c.nc.Close()
		return
	}
	c.age = p.age
	p.idle = append(p.idle, c)
	if p.timer == nil {
		p.timer = time.AfterFunc(p.idleTimeout/sweeps, p.sweep)
	}
	p.mu.Unlock()
}

// lost is told that a connection exists no more, or was never made.
func (p *pool) lost() {
	p.mu.Lock()
	w := p.next()
	if w == nil {
		p.open--
	}
	p.mu.Unlock()
	if w != nil {
		w.ready <- nil
	}
}

// sweep closes what was idle for long, or is dead. It runs as long as there is something to look at.
func (p *pool) sweep() {
	p.mu.Lock()
	p.age++
	var dead []*conn
	p.idle = slices.DeleteFunc(p.idle, func(c *conn) bool {
		over := p.age-c.age > sweeps || !c.alive()
		if over {
			dead = append(dead, c)
		}
		return over
	})
	p.open -= len(dead)
	if len(p.idle) > 0 {
		p.timer.Reset(p.idleTimeout / sweeps)
	} else {
		p.timer = nil
	}
	p.mu.Unlock()
	closeAll(dead)
}

func (p *pool) closeIdle() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.open -= len(idle)
	p.closing = true
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.mu.Unlock()
	closeAll(idle)
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		_ = c.nc.Close()
	}
}
