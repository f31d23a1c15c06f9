package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/loom-gateway/loom/internal/health"
	"github.com/loom-gateway/loom/internal/http1"
	"github.com/loom-gateway/loom/internal/queue"
)

// Endpoint is one backend with its connection pool. It is safe for concurrent use.
type Endpoint struct {
	name    string
	address Address
	scheme  string

	// client carries what goes over HTTP/1.1; nil with the stock engine.
	client *http1.Client
	// transport carries the rest.
	transport *http.Transport
	// upgrades carries requests that ask for another protocol, which HTTP/2 cannot: nil where there is another way.
	upgrades *http.Transport

	cleartextHTTP2 bool
	http2          atomic.Bool // TLS has agreed on it

	limit, http2Limit *queue.Limits // nil: none
	open              atomic.Int64  // connections of transport and upgrades

	probe     health.Probe       // nil without health checks
	stopProbe context.CancelFunc // nil before it began

	*state
	out     atomic.Bool  // the balancer does not pick it
	whole   bool         // it is well, and its breaker is closed; guarded by availability.mu
	looked  bool         // whole is filled in
	removed atomic.Bool  // no connection to it is kept when the last call has left
	calls   atomic.Int64 // to it
}

// newEndpoint makes an endpoint without its state.
func (u *Upstream) newEndpoint(name string, address Address) (*Endpoint, error) {
	s := u.settings
	e := &Endpoint{name: name, address: address, scheme: "http"}
	if s.Protocol == HTTPS {
		e.scheme = "https"
		if address.Network == "unix" && s.TLS.ServerName == "" && !s.TLS.InsecureSkipVerify {
			return nil, errors.New("address " + name + ": TLS over a unix socket needs tls server_name")
		}
	}
	if err := u.makeProbe(e); err != nil {
		return nil, err
	}
	e.connect(s, u.tls)
	return e, nil
}

// connect makes what carries requests to the endpoint. No connection is opened.
func (e *Endpoint) connect(s Settings, tlsConfig *tls.Config) {
	e.transport = newTransport(s, e.address, tlsConfig)
	e.transport.DialContext = counting(e.transport.DialContext, &e.open)
	e.cleartextHTTP2 = s.Protocol == H2C || s.Protocol == GRPC
	e.limit, e.http2Limit = s.Pool.limits(!e.cleartextHTTP2), s.Pool.limits(false)
	if tlsConfig != nil {
		e.transport.DialTLSContext = tlsDialer(e.transport.DialContext, clientConfig(tlsConfig, e.address, "h2", "http/1.1"), s.Pool.DialTimeout)
	}
	switch {
	case s.Engine == EngineLoom:
		e.client = newClient(s, e.address, tlsConfig)
	case e.cleartextHTTP2:
		s.Protocol = HTTP
		e.upgrades = newTransport(s, e.address, nil)
		e.upgrades.DialContext = counting(e.upgrades.DialContext, &e.open)
	}
}

// Name is the address as the config writes it.
func (e *Endpoint) Name() string { return e.name }

// Address is where the endpoint listens.
func (e *Endpoint) Address() Address { return e.address }

// roundTrip sends the request to this endpoint.
func (e *Endpoint) roundTrip(req *http.Request, inform http1.Informational) (*http.Response, error) {
	e.requests.Add(1)
	res, err := e.carry(req, inform)
	if err != nil && IsDialError(err) {
		e.dialErrors.Add(1)
	}
	return res, err
}

// direct makes a shallow copy of the request for net/http, which reads in the URL where to connect.
func (e *Endpoint) direct(req *http.Request) *http.Request {
	directed, target := *req, url.URL{}
	if req.URL != nil {
		target = *req.URL
	}
	target.Scheme, target.Host = e.scheme, e.address.authority()
	if c := clientOf(req.Context()); c.from.IsValid() {
		directed.Host = orDefault(req.Host, target.Host)
		target.Host = c.authority()
	}
	directed.URL = &target
	return &directed
}

// release lets a request out. The last one out of an endpoint that was removed closes the connections: net/http may fail a
// request whose connection becomes idle while idle ones are closed.
func (e *Endpoint) release() {
	if e.calls.Add(-1) == 0 && e.removed.Load() {
		e.closeIdle()
	}
}

func (e *Endpoint) closeIdle() {
	e.transport.CloseIdleConnections()
	if e.client != nil {
		e.client.CloseIdleConnections()
	}
	if e.upgrades != nil {
		e.upgrades.CloseIdleConnections()
	}
}

// IsDialError reports whether the connection was not made, which makes it safe to try another endpoint.
func IsDialError(err error) bool {
	_, ok := errors.AsType[*DialError](err)
	return ok
}
