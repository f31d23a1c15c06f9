package http1

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
)

// maxInformational bounds the informational responses to one request.
const maxInformational = 32

var errStale = errors.New("the idle connection was closed, or spoke out of turn")

// exchange is one request and its response on a connection.
type exchange struct {
	conn    *conn
	req     *http.Request
	inform  Informational
	unwatch func() bool // nil when the context does not end
	upload  *upload     // nil when the request was sent in one go

	sent  bool // some of the request may have arrived
	heard bool // some of an answer has
	res   http.Response
	body  body
}

// send sends the request, or begins to.
func (x *exchange) send() error {
	c := x.conn
	head := appendHead((*c.out)[:0], x.req)
	if hasBody(x.req) && !inMemory(x.req) {
		return x.beginUpload(head)
	}
	var err error
	if hasBody(x.req) {
		if head, err = appendBody(head, x.req); err != nil {
			return err
		}
	}
	*c.out, c.req = head[:cap(head)], head
	err = c.write()
	x.sent = !c.ask && !errors.Is(err, errStale)
	if err == nil && !hasBody(x.req) {
		closeBody(x.req)
	}
	return err
}

func (x *exchange) beginUpload(head []byte) error {
	if x.conn.reused && !x.conn.alive() {
		return errStale
	}
	x.sent = true
	x.upload = newUpload(x, head)
	return x.upload.begin()
}

// receive reads heads until one is final.
func (x *exchange) receive() (*http.Response, error) {
	for range maxInformational {
		head, fields, err := x.readHead()
		if err != nil {
			return nil, err
		}
		line, rest, _ := strings.Cut(strings.TrimSuffix(head, "\r\n"), "\r\n")
		status, err := parseStatus(line)
		if err != nil {
			return nil, err
		}
		header, err := parseFields(rest, fields)
		if err != nil {
			return nil, err
		}
		if status.code >= 200 || status.code == http.StatusSwitchingProtocols {
			return x.respond(status, header)
		}
		if err := x.informational(status.code, header); err != nil {
			return nil, err
		}
	}
	return nil, malformed("it has too many informational responses")
}

// readHead reads a whole head, with the empty line. fields counts the lines between the first and that.
func (x *exchange) readHead() (head string, fields int, err error) {
	in := &x.conn.in
	limit := x.conn.client.settings.MaxHeaderBytes
	for s := (scanner{fields: -1}); ; { // the first line is none
		data := in.unread()
		if !opens(data) {
			return "", 0, malformed("it does not begin with HTTP/1")
		}
		end, err := s.scan(data, x.conn.client.settings.MaxHeaders)
		if err != nil {
			return "", 0, err
		}
		if end > limit || end == 0 && len(data) >= limit {
			return "", 0, malformed("its head is too large")
		}
		if end > 0 {
			head = string(data[:end])
			in.r += end
			x.heard = true
			return head, s.fields, nil
		}
		if err := in.fill(x.conn.nc, max(limit, smallBuffer)); err != nil {
			return "", 0, x.brokeOff(err)
		}
	}
}

// brokeOff names the end of the connection before the head was complete.
func (x *exchange) brokeOff(err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	if x.conn.in.len() == 0 && !x.heard {
		return errClosedEarly
	}
	return io.ErrUnexpectedEOF
}

func (x *exchange) informational(code int, header http.Header) error {
	if len(header["Transfer-Encoding"]) > 0 || len(header["Content-Length"]) > 0 {
		return malformed("an informational response has a body")
	}
	if code == http.StatusContinue && x.upload != nil {
		x.upload.proceed()
	}
	if x.inform == nil {
		return nil
	}
	return x.inform(code, header)
}

// informTrace finds who listens in the request's context when there is something to hear.
func informTrace(req *http.Request) Informational {
	return func(status int, header http.Header) error {
		trace := httptrace.ContextClientTrace(req.Context())
		if trace == nil || trace.Got1xxResponse == nil {
			return nil
		}
		return trace.Got1xxResponse(status, textproto.MIMEHeader(header))
	}
}

// respond makes the response of a final head.
func (x *exchange) respond(status statusLine, header http.Header) (*http.Response, error) {
	if status.code == http.StatusSwitchingProtocols {
		return x.switchProtocols(status, header)
	}
	f, err := frame(status, header, x.req.Method)
	if err != nil {
		return nil, err
	}
	res := x.response(status, header)
	res.ContentLength, res.Trailer, res.Close = f.length, f.trailer, f.close
	if f.chunked {
		res.TransferEncoding = []string{"chunked"}
	}
	x.body = body{x: x, framing: f, remaining: f.length}
	if x.req.Method == http.MethodHead || !bodyAllowed(status.code) || f.length == 0 {
		if x.req.Method != http.MethodHead {
			res.ContentLength = 0
		}
		res.Body = http.NoBody
		x.end(true)
		return res, nil
	}
	res.Body = &x.body
	return res, nil
}

func (x *exchange) response(status statusLine, header http.Header) *http.Response {
	x.res = http.Response{
		Status: status.status, StatusCode: status.code,
		Proto: protos[status.minor], ProtoMajor: 1, ProtoMinor: status.minor,
		Header: header, Request: x.req, TLS: x.conn.tls,
	}
	return &x.res
}

var protos = [...]string{"HTTP/1.0", "HTTP/1.1"} //nolint:gochecknoglobals // constant

// end is the end of the exchange, once. The connection is used again only if everything went as it should.
func (x *exchange) end(whole bool) {
	c := x.conn
	quiet := x.unwatch == nil || x.unwatch()
	sent := x.upload == nil || x.upload.end(whole)
	reuse := whole && quiet && sent && !x.body.framing.close && !x.req.Close && c.in.len() == 0 && c.socket != nil
	c.release()
	if reuse {
		c.client.pool.put(c)
		return
	}
	_ = c.nc.Close()
	c.client.pool.lost()
}

// fail ends the exchange and says why there is no response: what the context or the body says outweighs what the network does.
func (x *exchange) fail(err error) error {
	untouched := x.conn.reused && !x.heard && x.conn.in.len() == 0 && !isProtocolError(err)
	x.end(false)
	if ctx := x.req.Context(); ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if x.upload != nil {
		if failed := x.upload.failure(); failed != nil {
			return failed
		}
	}
	if untouched {
		return &brokenError{err: err, sent: x.sent}
	}
	return err
}

func isProtocolError(err error) bool {
	_, ok := errors.AsType[*ProtocolError](err)
	return ok
}
