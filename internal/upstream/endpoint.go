package upstream

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Endpoint is one backend with its connection pool. It is safe for concurrent use.
type Endpoint struct {
	name    string
	address Address
	weight  int
	scheme  string

	transport *http.Transport
	// upgrades carries requests that ask for another protocol, which HTTP/2 cannot: nil where transport speaks HTTP/1.1.
	upgrades *http.Transport

	*state
}

// newEndpoint makes an endpoint without its state.
func newEndpoint(s Settings, settings EndpointSettings, tlsConfig *tls.Config) (*Endpoint, error) {
	address, err := ParseAddress(settings.Address)
	if err != nil {
		return nil, err
	}
	e := &Endpoint{name: settings.Address, address: address, weight: settings.Weight, scheme: "http"}
	if s.Protocol == HTTPS {
		e.scheme = "https"
		if address.Network == "unix" && s.TLS.ServerName == "" && !s.TLS.InsecureSkipVerify {
			return nil, errors.New("address " + settings.Address + ": TLS over a unix socket needs tls server_name")
		}
	}
	e.transport = newTransport(s, address, tlsConfig)
	if s.Protocol == H2C || s.Protocol == GRPC {
		s.Protocol = HTTP
		e.upgrades = newTransport(s, address, nil)
	}
	return e, nil
}

// Name is the address as the config writes it.
func (e *Endpoint) Name() string { return e.name }

// Address is where the endpoint listens.
func (e *Endpoint) Address() Address { return e.address }

// roundTrip sends a shallow copy of the request to this endpoint: only the URL's scheme and host are set.
func (e *Endpoint) roundTrip(req *http.Request) (*http.Response, error) {
	e.requests.Add(1)
	directed, target := *req, url.URL{}
	if req.URL != nil {
		target = *req.URL
	}
	target.Scheme, target.Host = e.scheme, e.address.authority()
	directed.URL = &target
	transport := e.transport
	if e.upgrades != nil && req.Header.Get("Upgrade") != "" {
		transport = e.upgrades
	}
	res, err := transport.RoundTrip(&directed)
	if err != nil && IsDialError(err) {
		e.dialErrors.Add(1)
	}
	return res, err
}

// observe learns how long the endpoint takes to answer. Failures say nothing about that: they may be fast.
func (e *Endpoint) observe(res *http.Response, sent time.Time) {
	if res != nil && res.StatusCode < http.StatusInternalServerError {
		now := time.Now()
		e.load.Observe(now.Sub(sent), now)
	}
}

func (e *Endpoint) closeIdle() {
	e.transport.CloseIdleConnections()
	if e.upgrades != nil {
		e.upgrades.CloseIdleConnections()
	}
}

// IsDialError reports whether the connection was not made, which makes it safe to try another endpoint.
func IsDialError(err error) bool {
	_, ok := errors.AsType[*DialError](err)
	return ok
}
