package handover

import (
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// Socket is one listening socket for listeners that follow one another. A connection goes to the one that has been open
// longest, so a configuration that fails while it starts has never had any, and one that starts gets them once its
// predecessor has closed. What the kernel has accepted waits in the one socket meanwhile and is not reset.
type Socket struct {
	listener  net.Listener
	keepAlive net.KeepAliveConfig

	accepting sync.Once
	mu        sync.Mutex
	turns     []*turn // open, the oldest first
}

// NewSocket makes a socket of a listener. keepAlive is what that gives to its connections.
func NewSocket(l net.Listener, keepAlive net.KeepAliveConfig) *Socket {
	return &Socket{listener: l, keepAlive: keepAlive}
}

// Listen opens a listener on the socket; keepAlive is for its connections. released is called when it is closed. With the first
// one the socket begins to accept: before that there is nobody to give a connection to.
func (s *Socket) Listen(keepAlive net.KeepAliveConfig, released func()) net.Listener {
	t := &turn{socket: s, queue: newQueue(), keepAlive: keepAlive, released: released}
	s.mu.Lock()
	s.turns = append(s.turns, t)
	s.mu.Unlock()
	s.accepting.Do(func() { go s.accept() })
	return t
}

// Close closes the socket itself, when its last listener is closed.
func (s *Socket) Close() error { return s.listener.Close() }

func (s *Socket) accept() {
	err := eachAccepted(s.listener, s.dispatch)
	for t := s.first(); t != nil; t = s.first() {
		t.close(err)
	}
}

// eachAccepted ends with the error that ends the listener. Others, such as too many open files, pass.
func eachAccepted(l net.Listener, take func(net.Conn)) error {
	const most = time.Second
	pause := time.Duration(0)
	for {
		c, err := l.Accept()
		if err == nil {
			pause = 0
			take(c)
			continue
		}
		var passing interface{ Temporary() bool }
		if !errors.As(err, &passing) || !passing.Temporary() {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), most)
		time.Sleep(pause)
	}
}

// dispatch closes the connection when nobody is there any more.
func (s *Socket) dispatch(c net.Conn) {
	for t := s.first(); t != nil; t = s.first() {
		if t.queue.push(c) {
			return
		}
	}
	c.Close()
}

func (s *Socket) first() *turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.turns) == 0 {
		return nil
	}
	return s.turns[0]
}

// turn is one listener on the socket.
type turn struct {
	socket    *Socket
	queue     *queue
	keepAlive net.KeepAliveConfig
	released  func()
}

// Accept implements net.Listener.
func (t *turn) Accept() (net.Conn, error) {
	c, err := t.queue.pop()
	if err != nil {
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok && t.keepAlive != t.socket.keepAlive {
		if err := tcp.SetKeepAliveConfig(t.keepAlive); err != nil { // the client has gone already
			c.Close()
			return t.Accept()
		}
	}
	return c, nil
}

// Addr implements net.Listener.
func (t *turn) Addr() net.Addr { return t.socket.listener.Addr() }

// Close implements net.Listener. Connections that wait go to the next listener.
func (t *turn) Close() error {
	if !t.close(closedError(t)) {
		return closedError(t)
	}
	return nil
}

func (t *turn) close(err error) bool {
	s := t.socket
	s.mu.Lock()
	i := slices.Index(s.turns, t)
	if i < 0 {
		s.mu.Unlock()
		return false
	}
	s.turns = slices.Delete(s.turns, i, i+1)
	s.mu.Unlock()
	for _, c := range t.queue.close(err) {
		s.dispatch(c)
	}
	t.released()
	return true
}

func closedError(l net.Listener) error {
	return &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
}
