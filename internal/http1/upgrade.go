package http1

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
)

// switchProtocols hands the connection over as the response's body, if the request asked for it.
func (x *exchange) switchProtocols(status statusLine, header http.Header) (*http.Response, error) {
	if !hasToken(x.req.Header["Connection"], "upgrade") || len(x.req.Header["Upgrade"]) == 0 {
		return nil, malformed("it switches protocols, which the request did not ask for")
	}
	if x.upload != nil && !x.upload.end(true) {
		return nil, malformed("it switches protocols in the middle of the request")
	}
	if x.unwatch != nil && !x.unwatch() {
		return nil, context.Cause(x.req.Context())
	}
	res := x.response(status, header)
	res.Body = newUpgraded(x.conn)
	return res, nil
}

// upgraded is a connection after `101 Switching Protocols`. The request's context ends it no more.
type upgraded struct {
	conn *conn
	rest io.Reader // what came with the response
	once sync.Once
}

func newUpgraded(c *conn) *upgraded {
	u := &upgraded{conn: c, rest: strings.NewReader(string(c.in.unread()))}
	c.release()
	return u
}

// Read implements io.Reader.
func (u *upgraded) Read(p []byte) (int, error) {
	if u.rest != nil {
		n, err := u.rest.Read(p)
		if err == nil {
			return n, nil
		}
		u.rest = nil
	}
	return u.conn.nc.Read(p)
}

// Write implements io.Writer.
func (u *upgraded) Write(p []byte) (int, error) { return u.conn.nc.Write(p) }

// CloseWrite ends one direction and leaves the other open.
func (u *upgraded) CloseWrite() error {
	if half, ok := u.conn.nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return u.Close()
}

// Close implements io.Closer.
func (u *upgraded) Close() (err error) {
	u.once.Do(func() {
		err = u.conn.nc.Close()
		u.conn.client.pool.lost()
	})
	return err
}

// Interface guard
var _ io.ReadWriteCloser = (*upgraded)(nil)
