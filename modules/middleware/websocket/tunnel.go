package websocket

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/wsframe"
)

const (
	// boundaryWait is how long a close frame waits for the end of a frame that the backend is sending.
	boundaryWait = time.Second
	// farewell is how long a client may go on sending while it has not seen the close frame: a connection that is closed
	// on unread data is reset, and the frame lost.
	farewell = 2 * time.Second
)

// errEnded ends a connection that the policy has closed.
var errEnded = errors.New("the gateway has closed the WebSocket")

// tunnel is one WebSocket on its way through the gateway.
type tunnel struct {
	handler *Handler
	to      http.ResponseWriter
	control *http.ResponseController
	conn    net.Conn // of HTTP/1.1, once it is hijacked
	from    *wsframe.Reader
	raw     io.Reader // what from reads

	last  atomic.Int64 // when something was sent, in Unix nanoseconds
	watch sync.Mutex
	timer *time.Timer // nil without an idle timeout, and when it runs no more
	idle  atomic.Bool // the idle time is over

	farewell []byte // for the backend, then the end
	ended    bool

	mu      sync.Mutex // held while frames are written to the client
	written wsframe.Follower
	closing []byte        // the close frame that waits for a boundary
	closed  chan struct{} // it was written
}

func newTunnel(h *Handler, w http.ResponseWriter, r *http.Request) *tunnel {
	t := &tunnel{handler: h, to: w, control: http.NewResponseController(w), closed: make(chan struct{})}
	if r.ProtoMajor > 1 { // the request's body and the response's are the connection
		t.reads(r.Body)
		r.Body = body{t, r.Body}
	}
	return t
}

func (t *tunnel) reads(raw io.Reader) {
	t.raw, t.from = raw, wsframe.NewReader(raw, t.handler.MaxMessage)
}

// open begins the idle time.
func (t *tunnel) open() {
	if limit := time.Duration(t.handler.IdleTimeout); limit > 0 {
		t.watch.Lock()
		defer t.watch.Unlock()
		t.touch()
		t.timer = time.AfterFunc(limit, t.check)
	}
}

func (t *tunnel) end() {
	t.watch.Lock()
	defer t.watch.Unlock()
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}

func (t *tunnel) touch() { t.last.Store(time.Now().UnixNano()) }

// check looks whether the idle time is over.
func (t *tunnel) check() {
	t.watch.Lock()
	defer t.watch.Unlock()
	if t.timer == nil {
		return
	}
	if left := time.Duration(t.handler.IdleTimeout) - time.Since(time.Unix(0, t.last.Load())); left > 0 {
		t.timer.Reset(left)
		return
	}
	t.timer = nil
	t.idle.Store(true)
	t.interrupt(time.Now()) // the read that waits finds that it is over
}

// interrupt sets when reading from the client fails.
func (t *tunnel) interrupt(at time.Time) {
	if t.conn != nil {
		_ = t.conn.SetReadDeadline(at)
		return
	}
	_ = t.control.SetReadDeadline(at)
}

// hurry sets when writing to the client fails: one that reads nothing must not keep the connection open.
func (t *tunnel) hurry(at time.Time) {
	if t.conn != nil {
		_ = t.conn.SetWriteDeadline(at)
		return
	}
	_ = t.control.SetWriteDeadline(at)
}

// Read implements io.Reader: what the client sends, and at the end a close frame for the backend.
func (t *tunnel) Read(p []byte) (int, error) {
	if t.ended {
		return t.sayFarewell(p)
	}
	if !t.idle.Load() {
		n, err := t.from.Read(p)
		if violation := (*wsframe.Violation)(nil); errors.As(err, &violation) {
			t.finish(violation.Code, violation.Reason)
			return t.sayFarewell(p)
		}
		if t.touch(); !t.idle.Load() {
			return n, err
		}
	}
	t.finish(wsframe.CloseGoingAway, "the connection was idle")
	return t.sayFarewell(p)
}

// finish closes the connection on both sides, as far as no frame is cut in two by it.
func (t *tunnel) finish(code uint16, reason string) {
	t.ended = true
	t.hurry(time.Now().Add(boundaryWait))
	if t.from.AtBoundary() {
		t.farewell = wsframe.Close(code, reason, true)
	}
	t.closeClient(wsframe.Close(code, reason, false))
}

func (t *tunnel) sayFarewell(p []byte) (int, error) {
	if len(t.farewell) > 0 {
		n := copy(p, t.farewell)
		t.farewell = t.farewell[n:]
		return n, nil
	}
	if t.conn != nil {
		t.interrupt(time.Now().Add(farewell))
		_, _ = io.Copy(io.Discard, t.raw)
	}
	return 0, errEnded
}

// closeClient writes a close frame, or has Write do it when the frame that is being written has ended.
func (t *tunnel) closeClient(frame []byte) {
	t.mu.Lock()
	t.closing = frame
	if t.written.AtBoundary() {
		t.writeClosing()
	}
	t.mu.Unlock()
	timer := time.NewTimer(boundaryWait)
	defer timer.Stop()
	select {
	case <-t.closed:
	case <-timer.C:
	}
}

// writeClosing is called once, with the lock held.
func (t *tunnel) writeClosing() {
	_, _ = t.send(t.closing)
	_ = t.flush()
	close(t.closed)
}

// Write implements io.Writer: what the backend sends.
func (t *tunnel) Write(p []byte) (int, error) {
	t.touch()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing == nil {
		t.written.Pass(p)
		return t.send(p)
	}
	if t.written.AtBoundary() {
		return 0, errEnded
	}
	n, err := t.send(p[:t.written.Next(p)])
	if err == nil && t.written.AtBoundary() {
		t.writeClosing()
		err = errEnded
	}
	return n, err
}

func (t *tunnel) send(p []byte) (int, error) {
	if t.conn != nil {
		return t.conn.Write(p)
	}
	return t.to.Write(p)
}

func (t *tunnel) flush() error {
	if t.conn != nil {
		return nil
	}
	return t.control.Flush()
}
