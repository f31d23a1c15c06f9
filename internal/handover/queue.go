package handover

import (
	"net"
	"sync"
)

// queue is connections that wait for a server to accept them.
type queue struct {
	mu     sync.Mutex
	filled sync.Cond
	conns  []net.Conn
	err    error // why no more are taken
}

func newQueue() *queue {
	q := &queue{}
	q.filled.L = &q.mu
	return q
}

// push reports whether the queue is open and has taken the connection.
func (q *queue) push(c net.Conn) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return false
	}
	q.conns = append(q.conns, c)
	q.filled.Signal()
	return true
}

// pop waits for a connection. Its error is the one that the queue was closed with.
func (q *queue) pop() (net.Conn, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.conns) == 0 && q.err == nil {
		q.filled.Wait()
	}
	if q.err != nil {
		return nil, q.err
	}
	c := q.conns[0]
	q.conns[0] = nil
	q.conns = q.conns[1:]
	return c, nil
}

// close returns who still waits. Only the first call has an effect.
func (q *queue) close(err error) []net.Conn {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return nil
	}
	q.err = err
	q.filled.Broadcast()
	rest := q.conns
	q.conns = nil
	return rest
}
