package proxy

import (
	"io"
	"net/http"
	"sync/atomic"
)

// sentBody is the request's body as the transport gets it. It reads through what reverse_proxy put around the body,
// which hands the trailers on, and closes the body itself: reverse_proxy's own Close races with Read when an HTTP/2
// backend answers, or a client leaves, while the body is being sent.
type sentBody struct {
	io.Reader
	client  io.Closer
	touched atomic.Bool
}

// sendBody prepares the body of one try.
func (p *pass) sendBody(req *http.Request) {
	if req.Body != nil && req.Body != http.NoBody && p.body != nil {
		req.Body = &sentBody{Reader: req.Body, client: p.body}
	}
}

// bodyOf is the client's body. A WebSocket over HTTP/2 or HTTP/3 has none to send: its body is the connection.
func bodyOf(r *http.Request) io.Closer {
	if r.Body == nil || r.Method == http.MethodConnect {
		return nil
	}
	return r.Body
}

// Read notes that the body cannot be sent again.
func (b *sentBody) Read(data []byte) (int, error) {
	b.touched.Store(true)
	return b.Reader.Read(data)
}

// Close keeps a body open of which nothing was read: the connection could not be made, and another endpoint gets it.
func (b *sentBody) Close() error {
	if !b.touched.Load() {
		return nil
	}
	return b.client.Close()
}
