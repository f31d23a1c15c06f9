package httpfilter

import (
	"crypto/tls"
	"crypto/x509"
	"hash/fnv"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// ofConnection answers connection.*: the client's connection, which does not change while the request lasts.
func (p property) ofConnection(path abi.PropertyPath) ([]byte, abi.Status) {
	state := p.request.TLS
	switch string(path) {
	case "id":
		return p.number(connectionID(p.request))
	case "mtls":
		return p.flag(state != nil && len(state.PeerCertificates) > 0)
	}
	if state == nil {
		return nil, abi.StatusNotFound
	}
	if string(path) == "requested_server_name" {
		return p.known(state.ServerName)
	}
	if name, ok := strings.CutSuffix(string(path), "_local_certificate"); ok {
		return p.localCertificate(name)
	}
	return p.ofTLS(state, string(path))
}

// localCertificate asks the embedder, since crypto/tls does not say which certificate it has shown.
func (p property) localCertificate(name string) ([]byte, abi.Status) {
	f := p.filter.options.LocalCertificate
	if f == nil {
		return nil, abi.StatusNotFound
	}
	return p.ofCertificate(f(p.request), name)
}

// ofTLS answers what a TLS connection says about itself and about the peer, to the client or to an endpoint.
func (p property) ofTLS(state *tls.ConnectionState, name string) ([]byte, abi.Status) {
	if name == "tls_version" {
		return p.text(strings.Replace(tls.VersionName(state.Version), "TLS 1", "TLSv1", 1))
	}
	if len(state.PeerCertificates) == 0 {
		return nil, abi.StatusNotFound
	}
	peer := state.PeerCertificates[0]
	switch name {
	case "sha256_peer_certificate_digest":
		return p.text(fingerprint(peer))
	case "peer_certificate":
		return p.text(urlEncodedPEM(peer))
	}
	if part, ok := strings.CutSuffix(name, "_peer_certificate"); ok {
		return p.ofCertificate(peer, part)
	}
	return nil, abi.StatusNotFound
}

// ofCertificate answers the parts that are asked of local and peer certificates alike.
func (p property) ofCertificate(c *x509.Certificate, part string) ([]byte, abi.Status) {
	switch {
	case c == nil:
	case part == "subject":
		return p.text(c.Subject.String()) // RFC 2253
	case part == "dns_san" && len(c.DNSNames) > 0:
		return p.text(c.DNSNames[0])
	case part == "uri_san" && len(c.URIs) > 0:
		return p.text(c.URIs[0].String())
	}
	return nil, abi.StatusNotFound
}

// ofAddress answers the parts of ip:port. Kong's plugins get a bare address.
func (p property) ofAddress(path abi.PropertyPath, address string) ([]byte, abi.Status) {
	host, port, err := net.SplitHostPort(address)
	switch string(path) {
	case "address":
		if err == nil && p.filter.plugin.Profile() == proxywasm.ProfileKong {
			return p.text(host)
		}
		return p.known(address)
	case "port":
		n, err2 := strconv.ParseUint(port, 10, 16)
		if err != nil || err2 != nil {
			return nil, abi.StatusNotFound
		}
		return p.number(int64(n))
	}
	return nil, abi.StatusNotFound
}

// sourceAddress is the client behind trusted proxies, with the port of the peer.
func (x *exchange) sourceAddress() string {
	_, port, err := net.SplitHostPort(x.request.RemoteAddr)
	if x.about.ClientIP == "" || err != nil {
		return x.request.RemoteAddr
	}
	return net.JoinHostPort(x.about.ClientIP, port)
}

func localAddress(r *http.Request) string {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return addr.String()
	}
	return ""
}

// connectionID is the same for all requests of a connection, and another one for every other connection that is open: its
// two addresses, hashed. It needs nothing that only one of the HTTP versions has.
func connectionID(r *http.Request) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(r.RemoteAddr))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(localAddress(r)))
	return int64(h.Sum64() >> 1)
}
