package http1

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Supported reports whether connections can be used for several requests here: only Unix lets one look whether a socket is
// silent.
const Supported = canPeek

// Settings of a Client.
type Settings struct {
	// Dial connects to the backend; a *tls.Conn has its handshake behind it. Its errors are returned as they are. Required.
	Dial func(ctx context.Context) (net.Conn, error)
	// MaxIdle connections are kept. Default: 0, none.
	MaxIdle int
	// MaxConns is the most connections; requests wait for one, first come, first served. Default: 0, no limit.
	MaxConns int
	// IdleTimeout closes a connection that was idle for so long, and up to a quarter longer. Default: 90s.
	IdleTimeout time.Duration
	// ContinueTimeout is how long a request with `Expect: 100-continue` waits before its body is sent. Default: 1s.
	ContinueTimeout time.Duration
	// MaxHeaderBytes bounds the head of a response, and its trailers, in bytes. Default: 1 MiB.
	MaxHeaderBytes int
	// MaxHeaders bounds the number of fields in a head, and in trailers. Default: 1000.
	MaxHeaders int
}

// Defaults of Settings.
const (
	DefaultIdleTimeout     = 90 * time.Second
	DefaultContinueTimeout = time.Second
	DefaultMaxHeaderBytes  = 1 << 20
	DefaultMaxHeaders      = 1000
)

func (s Settings) withDefaults() Settings {
	if s.IdleTimeout <= 0 {
		s.IdleTimeout = DefaultIdleTimeout
	}
	if s.ContinueTimeout <= 0 {
		s.ContinueTimeout = DefaultContinueTimeout
	}
	if s.MaxHeaderBytes <= 0 {
		s.MaxHeaderBytes = DefaultMaxHeaderBytes
	}
	if s.MaxHeaders <= 0 {
		s.MaxHeaders = DefaultMaxHeaders
	}
	return s
}

// Client is the connections to one backend. It is safe for concurrent use.
type Client struct {
	settings Settings
	pool     pool
	buffers  buffers
}

// New makes a client. It opens no connection and starts nothing.
func New(s Settings) *Client {
	s = s.withDefaults()
	return &Client{settings: s, pool: pool{maxIdle: s.MaxIdle, maxConns: s.MaxConns, idleTimeout: s.IdleTimeout}}
}

// Informational gets an informational response (100 to 199, without 101) while its header may be used. An error ends the request.
type Informational func(status int, header http.Header) error

// RoundTrip implements http.RoundTripper: of the httptrace.ClientTrace in the request's context it calls Got1xxResponse.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := c.Do(req, informTrace(req))
	if err != nil {
		closeBody(req)
	}
	return res, err
}

// Do is RoundTrip for a caller with an own ear for informational responses; nil hears none.
//
// The URL says what is asked for and not where. No field is added but those of the framing. The body is closed when it was
// sent; with an error it may be open, and is unread when the error is Dial's. Errors: those of Dial and of the context as they
// are, a *RequestError for the request and its body, a *ProtocolError when the backend's answer is not one, and what the
// network says.
func (c *Client) Do(req *http.Request, inform Informational) (*http.Response, error) {
	if err := check(req); err != nil {
		return nil, &RequestError{err}
	}
	if ctx := req.Context(); ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for fresh := false; ; fresh = true {
		conn, err := c.connect(req.Context(), fresh)
		if err != nil {
			return nil, err
		}
		res, err := conn.roundTrip(req, inform)
		broken, ok := err.(*brokenError) //nolint:errorlint // it is never wrapped
		if !ok {
			return res, err
		}
		if req = again(req, broken); req == nil {
			return nil, broken.err
		}
	}
}

// CloseIdleConnections closes the connections that are idle, and those that become so before the next request.
func (c *Client) CloseIdleConnections() { c.pool.closeIdle() }

// brokenError says that a connection which had served a request before broke before the response to this one began.
type brokenError struct {
	err  error
	sent bool // some of the request may have arrived
}

func (e *brokenError) Error() string { return e.err.Error() }

// again is the request to send on a new connection, nil when it must not be: it may have had its effect, or its body is gone.
// The rules are http.Transport's, and stricter in none but this: a request that was not sent at all is always sent again.
func again(req *http.Request, broken *brokenError) *http.Request {
	if req.Context().Err() != nil {
		return nil
	}
	if !broken.sent || !hasBody(req) && isReplayable(req) {
		return req
	}
	if req.GetBody == nil || !isReplayable(req) {
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil
	}
	fresh := *req
	fresh.Body = body
	return &fresh
}

// isReplayable reports whether doing it twice is doing it once: by the method, or because the client says so.
func isReplayable(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	_, key := req.Header["Idempotency-Key"]
	_, other := req.Header["X-Idempotency-Key"]
	return key || other
}

// RequestError says that the request is at fault, and not the backend: it is none that can be sent, or its body cannot be read.
type RequestError struct{ Err error }

func (e *RequestError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong with the request.
func (e *RequestError) Unwrap() error { return e.Err }

// ProtocolError says what is wrong with a backend's answer.
type ProtocolError struct{ Reason string }

func (e *ProtocolError) Error() string { return "the backend's answer is malformed: " + e.Reason }

func malformed(reason string) error { return &ProtocolError{Reason: reason} }

var (
	errClosedEarly = errors.New("the backend closed the connection before its response")
	errSpokeFirst  = &ProtocolError{Reason: "it came before the request"}
)

// Interface guard
var _ http.RoundTripper = (*Client)(nil)
