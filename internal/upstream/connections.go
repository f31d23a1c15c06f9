package upstream

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// counting is a dialer whose connections are counted as long as they are open.
func counting(dial dialFunc, open *atomic.Int64) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		open.Add(1)
		return &countedConn{Conn: conn, closed: sync.OnceFunc(func() { open.Add(-1) })}, nil
	}
}

// countedConn is a connection that says when it is closed.
type countedConn struct {
	net.Conn
	closed func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

// CloseWrite ends one direction and leaves the other open.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// connections of the endpoint, those of both engines: open ones, and those of them that carry nothing. net/http does not tell
// which of its own are idle; each request keeps one of them busy, as long as there are any.
func (e *Endpoint) connections() (active, idle int64) {
	open := e.open.Load()
	if e.client != nil {
		all, unused := e.client.Connections()
		active, idle = int64(all-unused), int64(unused)
	}
	busy := min(open, max(0, e.load.InFlight()-int64(e.gate.Waiting())-active))
	return active + busy, idle + open - busy
}
