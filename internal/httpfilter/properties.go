package httpfilter

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/loom-gateway/loom/internal/filterstate"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// About is what an embedder knows of a request when it reaches the filter.
type About struct {
	// State is what all plugins of the request share. Nil: the plugin has one to itself.
	State *filterstate.State
	// Route, Cluster and VirtualHost are the properties route_name, cluster_name (until an upstream is chosen) and
	// virtual_host_name. Empty: not found.
	Route, Cluster, VirtualHost string
	// ClientIP is the client's address behind trusted proxies. Empty: the peer's.
	ClientIP string
	// RequestID is the property request.id. Empty: the header X-Request-Id's value.
	RequestID string
}

// Where a property that a plugin has set, or that set_envoy_filter_state has, stands in the filter state.
const (
	wasmPrefix        = "wasm."
	filterStatePrefix = "filter_state\x00"
)

// property is a property being answered: its value is appended to dst.
type property struct {
	*exchange
	dst []byte
}

// Property implements proxywasm.Exchange: Envoy's attributes, as far as a request can answer them. What lives in the
// request itself is answered only while nobody else may write to it.
func (x *exchange) Property(path abi.PropertyPath, dst []byte) ([]byte, abi.Status) {
	p := property{x, dst}
	value, status := p.attribute(path)
	if status == abi.StatusNotFound {
		return p.other(path)
	}
	return value, status
}

// attribute refuses an object without the name of one of its members, as Envoy does.
func (p property) attribute(path abi.PropertyPath) ([]byte, abi.Status) {
	head, rest := path.Next()
	if len(rest) == 0 && isObject(head) {
		return nil, abi.StatusSerializationFailure
	}
	switch string(head) {
	case "request":
		return p.ofRequest(rest)
	case "response":
		return p.ofResponse(rest)
	case "source":
		return p.ofAddress(rest, p.sourceAddress())
	case "destination":
		return p.ofAddress(rest, localAddress(p.request))
	case "connection":
		return p.ofConnection(rest)
	case "upstream":
		return p.ofUpstream(rest)
	case "filter_state":
		return p.stored(string(rest))
	case "metadata":
		return p.ofMetadata(rest)
	case "xds":
		return p.ofRoute(rest)
	}
	return p.ofRoute(path)
}

func isObject(name []byte) bool {
	switch string(name) {
	case "request", "response", "source", "destination", "connection", "upstream", "filter_state", "metadata", "xds":
		return true
	}
	return false
}

// ofRoute answers the names that a route gives, in the old spelling and behind xds.
func (p property) ofRoute(path abi.PropertyPath) ([]byte, abi.Status) {
	switch string(path) {
	case "route_name":
		return p.known(p.about.Route)
	case "cluster_name":
		if u, ok := p.about.State.Upstream(); ok && u.Cluster != "" {
			return p.text(u.Cluster)
		}
		return p.known(p.about.Cluster)
	case "virtual_host_name":
		return p.known(p.about.VirtualHost)
	case "connection_id":
		return p.number(connectionID(p.request))
	case "x_request_id":
		if id := p.about.RequestID; id != "" {
			return p.text(id)
		}
		return p.header(p.request.Header, "X-Request-Id")
	}
	return nil, abi.StatusNotFound
}

func (p property) stored(key string) ([]byte, abi.Status) {
	if value, ok := p.about.State.Get(key); ok {
		return append(p.dst, value...), abi.StatusOK
	}
	return nil, abi.StatusNotFound
}

// ofMetadata shows the embedder's variables of the request as the metadata of a filter named caddy.
func (p property) ofMetadata(path abi.PropertyPath) ([]byte, abi.Status) {
	name, ok := bytes.CutPrefix(path, []byte("filter_metadata"))
	if ok && (len(name) == 0 || string(name) == "\x00caddy") {
		return nil, abi.StatusSerializationFailure
	}
	name, ok = bytes.CutPrefix(name, []byte("\x00caddy\x00"))
	if f := p.filter.options.Var; ok && f != nil && p.alone() {
		if value, ok := f(p.request, string(name)); ok {
			return p.text(value)
		}
	}
	return nil, abi.StatusNotFound
}

// other asks what plugins have set, and then the embedder.
func (p property) other(path abi.PropertyPath) ([]byte, abi.Status) {
	if value, status := p.stored(wasmPrefix + string(path)); status == abi.StatusOK {
		return value, status
	}
	if f := p.filter.options.Property; f != nil && p.alone() {
		if value, ok := f(p.request, string(path)); ok {
			return p.text(value)
		}
	}
	return nil, abi.StatusNotFound
}

// SetProperty implements proxywasm.Exchange. A built-in property keeps its own value, as in Envoy, whatever is stored.
func (x *exchange) SetProperty(path abi.PropertyPath, value []byte) abi.Status {
	key, raw := strings.CutPrefix(string(path), filterStatePrefix)
	if !raw {
		key = wasmPrefix + key
		x.control(string(path), value)
	}
	if err := x.about.State.Set(key, value); err != nil {
		return abi.StatusBadArgument
	}
	if f := x.filter.options.Set; f != nil && !raw {
		f(x.request, strings.ReplaceAll(string(path), "\x00", "."), string(value))
	}
	return abi.StatusOK
}

// aboutRequest asks the embedder once, while the request is nobody else's.
func (f *Filter) aboutRequest(r *http.Request) About {
	var a About
	if f.options.About != nil {
		a = f.options.About(r)
	}
	if a.State == nil {
		a.State = &filterstate.State{}
	}
	return a
}

// readable reports whether the request and its response may be read: a callback of the stream runs or has paused it, and
// so no handler works on them.
func (x *exchange) readable() bool {
	return !x.entered.Load() || x.inRequest() || x.inResponse() || x.ending()
}

// alone reports whether no handler may write to the variables of the request: not while its body is being sent, which
// happens beside the handler that sends it.
func (x *exchange) alone() bool {
	return !x.entered.Load() || x.ending() || x.requestPhase == phaseHeaders || (x.inResponse() && !x.inRequest())
}

func (x *exchange) inRequest() bool  { return x.requestPhase != phaseIdle }
func (x *exchange) inResponse() bool { return x.responsePhase != phaseIdle }
func (x *exchange) ending() bool     { return x.logging }

// asText reports whether the plugin was built for a host whose properties are all text.
func (x *exchange) asText() bool { return x.filter.plugin.Profile() == proxywasm.ProfileKong }
