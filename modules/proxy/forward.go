package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/forwarded"
)

// forward makes the request to the backend. Values are shared with the client's request, which nobody changes; lists are
// replaced, not appended to.
func (p *pass) forward(r *http.Request) (*http.Request, error) {
	req := new(http.Request)
	*req = *r
	if p.ctx != r.Context() {
		req = req.WithContext(p.ctx)
	}
	req.Close, req.RequestURI, req.Trailer = false, "", nil
	req.Header = forwardedHeader(r)
	if err := p.forwardBody(req, r); err != nil {
		return nil, err
	}
	return req, nil
}

// forwardedHeader is the client's header without what ends at the gateway, and with what the gateway says.
func forwardedHeader(r *http.Request) http.Header {
	header := make(http.Header, len(r.Header)+len(identity)+1)
	for name, values := range r.Header {
		if !isHopByHop(name) && !forwarded.IsAlias(name) {
			header[name] = values
		}
	}
	removeNamed(header, r.Header["Connection"])
	if te := r.Header["Te"]; len(te) > 0 && httpguts.HeaderValuesContainsToken(te, "trailers") {
		header["Te"] = []string{"trailers"}
	}
	setIdentity(header, r)
	if r.TLS != nil && !r.TLS.HandshakeComplete {
		header["Early-Data"] = []string{"1"}
	}
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = nil // none, instead of net/http's own
	}
	header["Via"] = via(r.Header["Via"], r.ProtoMajor, r.ProtoMinor)
	return header
}

// removeNamed removes what a Connection header names: it was meant for the gateway.
func removeNamed(header http.Header, connection []string) {
	for _, list := range connection {
		for name := range strings.SplitSeq(list, ",") {
			if name = textproto.TrimString(name); name != "" {
				delete(header, textproto.CanonicalMIMEHeaderKey(name))
			}
		}
	}
}

func removeHopByHop(header http.Header) {
	removeNamed(header, header["Connection"])
	for name := range header {
		if isHopByHop(name) {
			delete(header, name)
		}
	}
}

// isHopByHop reports whether a field speaks of one connection.
func isHopByHop(name string) bool {
	switch name {
	case "Alt-Svc", "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// identity are the fields by which the gateway tells a backend of the client.
var identity = [...]string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} //nolint:gochecknoglobals // constant

// setIdentity says who the client is. What it says itself counts only behind a proxy that is trusted.
func setIdentity(header http.Header, r *http.Request) {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	ip, ok := peer(r)
	if !ok || ip == "" && !trusted {
		for _, name := range identity {
			delete(header, name)
		}
		return
	}
	prior := header["X-Forwarded-For"]
	proto, host := "http", r.Host
	if r.TLS != nil {
		proto = "https"
	}
	if trusted {
		ip = joined(prior, ip)
		proto = lastOr(header["X-Forwarded-Proto"], proto)
		host = lastOr(header["X-Forwarded-Host"], host)
	}
	values := []string{ip, host, proto}
	for i, name := range identity {
		if old, set := header[name]; set && old == nil { // a handler in front of this one has ruled it out
			continue
		}
		header[name] = values[i : i+1 : i+1]
	}
}

// peer is the address of who has connected; empty over a unix socket, where nobody has one.
func peer(r *http.Request) (ip string, ok bool) {
	if r.RemoteAddr == "@" {
		return "", true
	}
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	ip, _, _ = strings.Cut(ip, "%")
	return ip, err == nil
}

// joined continues a list.
func joined(prior []string, ip string) string {
	list := strings.Join(prior, ", ")
	switch {
	case list == "":
		return ip
	case ip == "":
		return list
	}
	return list + ", " + ip
}

func lastOr(values []string, fallback string) string {
	if n := len(values); n > 0 && values[n-1] != "" {
		return values[n-1]
	}
	return fallback
}

// via continues a list of those who have passed a message on.
func via(prior []string, major, minor int) []string {
	own := "1.1 Caddy"
	if major != 1 || minor != 1 {
		own = strconv.Itoa(major) + "." + strconv.Itoa(minor) + " Caddy"
	}
	return append(prior[:len(prior):len(prior)], own)
}

// forwardBody gives the request its body, with the trailers that come behind it.
func (p *pass) forwardBody(req, r *http.Request) error {
	if r.Body == nil || r.ContentLength == 0 {
		req.Body, req.ContentLength = nil, 0
		return nil
	}
	body := &forwardedBody{client: r, pass: p, trailer: http.Header{}}
	for name := range r.Trailer {
		if !forwarded.Is(name) {
			body.trailer[name] = nil
		}
	}
	req.Body, req.Trailer = body, body.trailer
	if len(body.trailer) > 0 {
		req.ContentLength = -1
	}
	if r.ProtoMajor < 3 || r.ContentLength > 0 || expectsContinue(r) {
		return nil
	}
	// HTTP/3 does not say whether a request without a length has a body.
	n, err := r.Body.Read(body.first[:])
	body.ahead = body.first[:n]
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		req.Body, req.Trailer, req.ContentLength = nil, nil, 0
	case err != nil && !errors.Is(err, io.EOF):
		return err
	}
	return nil
}
