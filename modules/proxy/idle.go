package proxy

import (
	"errors"
	"io"
	"math"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// defaultStreamIdleTimeout is Handler.StreamIdleTimeout when it is not set.
const defaultStreamIdleTimeout = time.Hour

var errIdle = errors.New("nothing has moved on the stream: stream_idle_timeout is over")

// idle ends a stream on which nothing moves, in neither direction, for as long as limit.
type idle struct {
	limit time.Duration
	begun time.Time
	moved atomic.Int64 // when something last did, in nanoseconds since begun
	over  atomic.Bool
	end   func() // at the limit, once
	timer *time.Timer
}

func watchIdle(limit time.Duration, end func()) *idle {
	i := &idle{limit: limit, begun: time.Now(), end: end}
	i.timer = time.AfterFunc(math.MaxInt64, i.look)
	i.timer.Reset(limit) // look uses the timer
	return i
}

// move says that something has moved. It is cheap: the timer looks when it runs out.
func (i *idle) move() { i.moved.Store(int64(time.Since(i.begun))) }

func (i *idle) look() {
	if left := time.Duration(i.moved.Load()) + i.limit - time.Since(i.begun); left > 0 {
		i.timer.Reset(left)
		return
	}
	i.over.Store(true)
	i.end()
}

// watch has the stream of a response end when it is idle. From here on the body of the request is looked at, too.
func (p *pass) watch(res *http.Response) {
	body := &idleBody{ReadCloser: res.Body, response: res}
	body.idle = watchIdle(p.idleLimit, func() {
		p.logIdle()
		_ = body.ReadCloser.Close()
	})
	p.idle.Store(body.idle)
	res.Body = body
	conn, ok := body.ReadCloser.(io.ReadWriteCloser)
	if !ok || res.StatusCode != http.StatusSwitchingProtocols {
		return
	}
	res.Body = idleConn{body, conn}
	if half, ok := body.ReadCloser.(halfCloser); ok {
		res.Body = idleHalfConn{idleConn{body, conn}, half}
	}
}

func (p *pass) logIdle() {
	if c := p.logger.Check(zap.InfoLevel, "stream ended: nothing has moved on it"); c != nil {
		c.Write(zap.String("upstream", p.call.Upstream()), zap.Duration("stream_idle_timeout", p.idleLimit))
	}
}

// idleBody is a response's body that tells when something has come.
type idleBody struct {
	io.ReadCloser
	response *http.Response
	idle     *idle
}

// Read implements io.Reader. A gRPC stream that was idle ends with gRPC's own word for it.
func (b *idleBody) Read(data []byte) (int, error) {
	n, err := b.ReadCloser.Read(data)
	switch {
	case err != nil && b.idle.over.Load() && isGRPC(b.response.Header):
		b.response.Trailer = http.Header{"Grpc-Status": {grpcDeadlineExceeded}, "Grpc-Message": {errIdle.Error()}}
		return n, io.EOF
	case err != nil && b.idle.over.Load():
		return n, errIdle
	case n > 0:
		b.idle.move()
	}
	return n, err
}

// Buffered is how many bytes have come already, as far as the body tells.
func (b *idleBody) Buffered() int {
	if inner, ok := b.ReadCloser.(interface{ Buffered() int }); ok {
		return inner.Buffered()
	}
	return 0
}

// Close implements io.Closer. Over HTTP/2 it waits for a body that is still being sent, so one that is being closed is left alone.
func (b *idleBody) Close() error {
	if b.idle.over.Load() {
		return nil
	}
	return b.ReadCloser.Close()
}

// idleConn is an upgraded connection.
type idleConn struct {
	*idleBody
	io.Writer
}

// Write implements io.Writer.
func (c idleConn) Write(data []byte) (int, error) {
	n, err := c.Writer.Write(data)
	if n > 0 {
		c.idle.move()
	}
	return n, err
}

type halfCloser interface{ CloseWrite() error }

// idleHalfConn is one of which a single direction can be closed.
type idleHalfConn struct {
	idleConn
	halfCloser
}

// Interface guards
var (
	_ io.ReadWriteCloser = idleConn{}
	_ io.ReadWriteCloser = idleHalfConn{}
)
