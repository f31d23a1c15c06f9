package websocket

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/loom-gateway/loom/internal/responsehead"
)

// writer is the response that opens a WebSocket. From the head on, what is written to it are frames, if the head says so.
type writer struct {
	responsehead.Writer
	tunnel *tunnel
	opened bool
}

func (t *tunnel) writer() *writer {
	w := &writer{tunnel: t}
	w.Wrap(t.to, w)
	return w
}

// Head implements responsehead.Hook. Over HTTP/1.1 the connection is hijacked after it.
func (w *writer) Head(status int, _ http.Header) {
	if w.tunnel.from != nil && status == http.StatusOK {
		w.opened = true
		w.tunnel.open()
	}
}

// Write implements http.ResponseWriter.
func (w *writer) Write(p []byte) (int, error) {
	if w.opened {
		return w.tunnel.Write(p)
	}
	return w.Writer.Write(p)
}

// ReadFrom implements io.ReaderFrom.
func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	if w.opened {
		return io.Copy(w.tunnel, src)
	}
	return w.Writer.ReadFrom(src)
}

// FlushError is what http.ResponseController calls.
func (w *writer) FlushError() error {
	w.tunnel.mu.Lock() // a close frame may be on its way
	defer w.tunnel.mu.Unlock()
	return w.Writer.FlushError()
}

// Flush implements http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() }

// Hijack implements http.Hijacker.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := w.tunnel.control.Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.tunnel.conn = conn
	w.tunnel.reads(io.MultiReader(io.LimitReader(buffered.Reader, int64(buffered.Reader.Buffered())), conn))
	w.tunnel.open()
	wrapped := hijacked{conn, w.tunnel}
	buffered.Reader = bufio.NewReader(wrapped)
	return wrapped, buffered, nil
}

// hijacked is the connection of a WebSocket over HTTP/1.1.
type hijacked struct {
	net.Conn
	tunnel *tunnel
}

// Read implements io.Reader.
func (c hijacked) Read(p []byte) (int, error) { return c.tunnel.Read(p) }

// Write implements io.Writer.
func (c hijacked) Write(p []byte) (int, error) { return c.tunnel.Write(p) }

// body is the connection of a WebSocket over HTTP/2 and HTTP/3, from the client.
type body struct {
	*tunnel
	closer io.Closer
}

// Close implements io.Closer.
func (b body) Close() error { return b.closer.Close() }

// Interface guards
var (
	_ http.Hijacker     = (*writer)(nil)
	_ responsehead.Hook = (*writer)(nil)
	_ io.ReadCloser     = body{}
)
