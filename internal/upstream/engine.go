package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"

	"github.com/loom-gateway/loom/internal/http1"
)

// Engines for HTTP/1.1 to the backends. HTTP/2 is always net/http's.
const (
	EngineLoom  = "loom"  // internal/http1
	EngineStock = "stock" // http.Transport
)

// Engines are the valid values of Settings.Engine.
func Engines() []string { return []string{EngineLoom, EngineStock} }

// RequestError says that the request is at fault, and not the endpoint. Bodies return it from Read when they fail, so that it
// is known whichever engine reads them.
type RequestError = http1.RequestError

// IsRequestError reports whether the request is at fault.
func IsRequestError(err error) bool {
	_, ok := errors.AsType[*RequestError](err)
	return ok
}

// errHTTP2 says that TLS has agreed on HTTP/2, which the own client does not speak.
var errHTTP2 = errors.New("the backend speaks HTTP/2")

// newClient makes the own HTTP/1.1 client of one endpoint; tlsConfig is nil without TLS.
func newClient(s Settings, address Address, tlsConfig *tls.Config) *http1.Client {
	dial := dialer(s, address)
	settings := http1.Settings{
		Dial:            func(ctx context.Context) (net.Conn, error) { return dial(ctx, "", "") },
		MaxIdle:         s.Pool.MaxIdlePerEndpoint,
		MaxConns:        s.Pool.MaxPerEndpoint,
		IdleTimeout:     s.Pool.IdleTimeout,
		ContinueTimeout: continueTimeout,
		MaxHeaderBytes:  int(s.MaxResponseHeader),
	}
	if s.ProxyProtocol != "" {
		settings.MaxIdle = 0 // a connection is one client's
	}
	if tlsConfig != nil {
		settings.Dial = notHTTP2(tlsDialer(dial, clientConfig(tlsConfig, address, "h2", "http/1.1"), s.Pool.DialTimeout))
	}
	return http1.New(settings)
}

// notHTTP2 dials for the own client.
func notHTTP2(dial dialFunc) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx, "", "")
		if err != nil {
			return nil, err
		}
		if conn.(*tls.Conn).ConnectionState().NegotiatedProtocol == "h2" {
			_ = conn.Close()
			return nil, errHTTP2
		}
		return conn, nil
	}
}

// carry sends the request with the engine that fits.
func (e *Endpoint) carry(req *http.Request, inform http1.Informational) (*http.Response, error) {
	if !e.ownClient(req) {
		if err := http1.CheckQuery(req.URL); err != nil {
			return nil, err
		}
		return e.stock(req).RoundTrip(traced(e.direct(req), inform))
	}
	do := e.client.Do
	if inform == nil {
		do = func(req *http.Request, _ http1.Informational) (*http.Response, error) { return e.client.RoundTrip(req) }
	}
	res, err := do(req, inform)
	if errors.Is(err, errHTTP2) { // nothing was sent; from now on net/http asks at once
		e.http2.Store(true)
		return e.transport.RoundTrip(traced(e.direct(req), inform))
	}
	return res, err
}

// ownClient reports whether the request goes over HTTP/1.1 by the own client.
func (e *Endpoint) ownClient(req *http.Request) bool {
	if e.client == nil || e.http2.Load() || req.Method == http.MethodConnect || req.Host == "" {
		return false // without a Host it is the URL that net/http directs
	}
	return !e.cleartextHTTP2 || asksUpgrade(req)
}

// stock is the http.Transport for a request: HTTP/2 knows no upgrades.
func (e *Endpoint) stock(req *http.Request) *http.Transport {
	if e.upgrades != nil && asksUpgrade(req) {
		return e.upgrades
	}
	return e.transport
}

func asksUpgrade(req *http.Request) bool { return len(req.Header["Upgrade"]) > 0 }

// traced has net/http tell of informational responses.
func traced(req *http.Request, inform http1.Informational) *http.Request {
	if inform == nil {
		return req
	}
	return req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error { return inform(code, http.Header(header)) },
	}))
}
