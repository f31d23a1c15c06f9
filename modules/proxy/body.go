package proxy

import (
	"io"
	"maps"
	"net/http"
	"sync/atomic"

	"github.com/loom-gateway/loom/internal/clientbody"
	"github.com/loom-gateway/loom/internal/forwarded"
	"github.com/loom-gateway/loom/internal/upstream"
)

// sentBody is the request's body as the transport gets it. It reads through what reverse_proxy put around the body,
// which hands the trailers on, and closes the body itself: reverse_proxy's own Close races with Read when an HTTP/2
// backend answers, or a client leaves, while the body is being sent.
type sentBody struct {
	io.Reader
	client  io.Closer
	trailer http.Header // nil without any
	pass    *pass
	touched atomic.Bool
}

// sendBody prepares the body of one try.
func (p *pass) sendBody(req *http.Request) {
	if p.body == nil && len(req.Header["Upgrade"]) > 0 { // of a WebSocket over HTTP/2, whose length is not known: framed, it would begin with its own end
		req.Body, req.ContentLength, req.Trailer = http.NoBody, 0, nil
	}
	if req.Body != nil && req.Body != http.NoBody && p.body != nil {
		req.Body = &sentBody{Reader: req.Body, client: p.body, trailer: req.Trailer, pass: p}
	}
}

// bodyOf is the client's body. A WebSocket over HTTP/2 or HTTP/3 has none to send: its body is the connection.
func bodyOf(r *http.Request) io.Closer {
	if r.Body == nil || r.Method == http.MethodConnect {
		return nil
	}
	return r.Body
}

// forwardedBody is the request's body on the direct way. At its end it has the trailers.
type forwardedBody struct {
	client  *http.Request
	pass    *pass
	trailer http.Header
	first   [1]byte
	ahead   []byte // of first, what was read to find out whether there is a body
	touched atomic.Bool
	ended   bool
}

// Read notes that the body cannot be sent again.
func (b *forwardedBody) Read(data []byte) (int, error) {
	b.touched.Store(true)
	if len(b.ahead) > 0 {
		n := copy(data, b.ahead)
		b.ahead = b.ahead[n:]
		return n, nil
	}
	n, err := b.client.Body.Read(data)
	if n > 0 {
		b.pass.bodyMoves()
	}
	if err == io.EOF && !b.ended {
		b.ended = true
		maps.Copy(b.trailer, b.client.Trailer)
		forwarded.Drop(b.trailer)
	}
	return n, blamed(err)
}

// blamed says of a body's error that it is the client's, or that of a plugin in front of the proxy, and not the backend's.
func blamed(err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // Read returns it as it is
		return err
	}
	return &upstream.RequestError{Err: err}
}

// Close keeps a body open of which nothing was read, as sentBody does.
func (b *forwardedBody) Close() error {
	if !b.touched.Load() {
		return nil
	}
	return b.client.Body.Close()
}

// Read notes that the body cannot be sent again.
func (b *sentBody) Read(data []byte) (int, error) {
	b.touched.Store(true)
	n, err := b.Reader.Read(data)
	if n > 0 {
		b.pass.bodyMoves()
	}
	if err == io.EOF {
		forwarded.Drop(b.trailer)
	}
	return n, blamed(err)
}

// Close keeps a body open of which nothing was read: the connection could not be made, and another endpoint gets it.
func (b *sentBody) Close() error {
	if !b.touched.Load() {
		return nil
	}
	return b.client.Close()
}

// letGo has the end of a response end the reading of its request's body: net/http's HTTP/2 client waits for that when the response is
// closed.
func (p *pass) letGo(res *http.Response) {
	if b, ok := p.body.(*clientbody.Body); ok && res.ProtoMajor == 2 {
		res.Body = &lastBody{ReadCloser: res.Body, request: b}
	}
}

type lastBody struct {
	io.ReadCloser
	request *clientbody.Body
}

// Close implements io.Closer.
func (b *lastBody) Close() error {
	b.request.Leave()
	return b.ReadCloser.Close()
}
