package httpfilter

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// ofUpstream answers upstream.*: where the request went, once a proxy has picked the endpoint.
func (p property) ofUpstream(path abi.PropertyPath) ([]byte, abi.Status) {
	u, ok := p.about.State.Upstream()
	switch name := string(path); {
	case name == "address" || name == "port":
		return p.ofAddress(path, p.upstreamAddress())
	case !ok:
		return nil, abi.StatusNotFound
	case name == "num_endpoints" && u.Endpoints > 0:
		return p.number(int64(u.Endpoints))
	case name == "request_attempt_count" && u.Attempts > 0:
		return p.number(int64(u.Attempts))
	case u.TLS != nil:
		return p.ofTLS(u.TLS, name)
	}
	return nil, abi.StatusNotFound
}

// upstreamAddress is what the proxy has told, or what the embedder finds out about a proxy that tells nothing.
func (x *exchange) upstreamAddress() string {
	if u, ok := x.about.State.Upstream(); ok {
		return u.Address
	}
	if f := x.filter.options.UpstreamAddress; f != nil {
		return f(x.request)
	}
	return ""
}
