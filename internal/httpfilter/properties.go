package httpfilter

import (
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// maxProperties bounds what a guest may set on one request.
const maxProperties = 256

// Property implements proxywasm.Exchange: Envoy's attributes, as far as a request can answer them.
func (x *exchange) Property(path abi.PropertyPath, dst []byte) ([]byte, abi.Status) {
	head, rest := path.Next()
	var value []byte
	status := abi.StatusNotFound
	switch string(head) {
	case "request":
		value, status = x.requestProperty(rest, dst)
	case "response":
		value, status = x.responseProperty(rest, dst)
	case "source":
		value, status = addressProperty(rest, x.sourceAddress(), dst)
	case "destination":
		value, status = addressProperty(rest, x.localAddress(), dst)
	case "connection":
		value, status = x.connectionProperty(rest, dst)
	}
	if status != abi.StatusNotFound {
		return value, status
	}
	return x.otherProperty(path, dst)
}

// otherProperty asks the embedder, and then what guests have set.
func (x *exchange) otherProperty(path abi.PropertyPath, dst []byte) ([]byte, abi.Status) {
	if f := x.filter.options.Property; f != nil {
		if value, ok := f(x.request, string(path)); ok {
			return append(dst, value...), abi.StatusOK
		}
	}
	if value, ok := x.properties[string(path)]; ok {
		return append(dst, value...), abi.StatusOK
	}
	return nil, abi.StatusNotFound
}

// SetProperty implements proxywasm.Exchange.
func (x *exchange) SetProperty(path abi.PropertyPath, value []byte) abi.Status {
	if len(x.properties) >= maxProperties {
		return abi.StatusBadArgument
	}
	if x.properties == nil {
		x.properties = map[string][]byte{}
	}
	x.properties[string(path)] = append([]byte(nil), value...)
	if f := x.filter.options.Set; f != nil {
		f(x.request, strings.ReplaceAll(string(path), "\x00", "."), string(value))
	}
	return abi.StatusOK
}

func text(dst []byte, value string, ok bool) ([]byte, abi.Status) {
	if !ok {
		return nil, abi.StatusNotFound
	}
	return append(dst, value...), abi.StatusOK
}

func number(dst []byte, value int64) ([]byte, abi.Status) {
	return abi.AppendInt64(dst, value), abi.StatusOK
}

func (x *exchange) requestProperty(path abi.PropertyPath, dst []byte) ([]byte, abi.Status) {
	r := x.request
	name, rest := path.Next()
	switch string(name) {
	case "path":
		return text(dst, r.URL.RequestURI(), true)
	case "url_path":
		return text(dst, r.URL.EscapedPath(), true)
	case "query":
		return text(dst, r.URL.RawQuery, true)
	case "host":
		return text(dst, r.Host, true)
	case "scheme":
		return text(dst, x.requestMap.schemeOf(), true)
	case "method":
		return text(dst, r.Method, true)
	case "protocol":
		return text(dst, protocol(r), true)
	case "id":
		value, ok := first(r.Header["X-Request-Id"])
		return text(dst, value, ok)
	case "referer":
		return text(dst, r.Referer(), true)
	case "useragent":
		return text(dst, r.UserAgent(), true)
	case "time":
		return number(dst, x.began.UnixNano())
	case "duration":
		if !x.logging {
			return nil, abi.StatusNotFound
		}
		return number(dst, int64(time.Since(x.began)))
	case "size":
		return number(dst, max(r.ContentLength, 0))
	case "headers":
		return headerProperty(&x.requestMap, rest, dst)
	case "":
		return nil, abi.StatusSerializationFailure
	}
	return nil, abi.StatusNotFound
}

func protocol(r *http.Request) string {
	if r.ProtoMajor >= 2 {
		return "HTTP/" + strconv.Itoa(r.ProtoMajor)
	}
	return r.Proto
}

// valuer is a header map of either direction.
type valuer interface {
	Get(name []byte) (string, bool)
	AppendPairs(dst []abi.Pair) []abi.Pair
}

func headerProperty(m valuer, name abi.PropertyPath, dst []byte) ([]byte, abi.Status) {
	if len(name) == 0 {
		return abi.AppendPairs(dst, m.AppendPairs(nil)), abi.StatusOK
	}
	value, ok := m.Get(name)
	return text(dst, value, ok)
}

func (x *exchange) responseProperty(path abi.PropertyPath, dst []byte) ([]byte, abi.Status) {
	name, rest := path.Next()
	if !x.logging && x.responsePhase == phaseIdle {
		return nil, abi.StatusNotFound
	}
	w := x.response
	if string(name) == "code_details" {
		return x.codeDetails(dst)
	}
	if !w.wroteHeader {
		return nil, abi.StatusNotFound
	}
	switch string(name) {
	case "code":
		return number(dst, int64(w.headers.status))
	case "flags":
		return number(dst, 0)
	case "headers":
		return headerProperty(&w.headers, rest, dst)
	case "trailers":
		return headerProperty(&trailerMap{&w.trailers}, rest, dst)
	}
	return nil, abi.StatusNotFound
}

func (x *exchange) codeDetails(dst []byte) ([]byte, abi.Status) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.details == "" && x.response.wroteHeader {
		return text(dst, "via_upstream", true)
	}
	return text(dst, x.details, x.details != "")
}

// underscored makes one word of a plugin's text, for access logs.
func underscored(details string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, details)
}

func addressProperty(path abi.PropertyPath, address string, dst []byte) ([]byte, abi.Status) {
	switch string(path) {
	case "address":
		return text(dst, address, address != "")
	case "port":
		_, port, err := net.SplitHostPort(address)
		n, err2 := strconv.ParseInt(port, 10, 64)
		if err != nil || err2 != nil {
			return nil, abi.StatusNotFound
		}
		return number(dst, n)
	}
	return nil, abi.StatusNotFound
}

func (x *exchange) sourceAddress() string {
	if f := x.filter.options.Source; f != nil {
		if address := f(x.request); address != "" {
			return address
		}
	}
	return x.request.RemoteAddr
}

func (x *exchange) localAddress() string {
	if addr, ok := x.request.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return addr.String()
	}
	return ""
}

func (x *exchange) connectionProperty(path abi.PropertyPath, dst []byte) ([]byte, abi.Status) {
	state := x.request.TLS
	if string(path) == "mtls" {
		return abi.AppendBool(dst, state != nil && len(state.PeerCertificates) > 0), abi.StatusOK
	}
	if state == nil {
		return nil, abi.StatusNotFound
	}
	switch string(path) {
	case "requested_server_name":
		return text(dst, state.ServerName, true)
	case "tls_version":
		return text(dst, strings.Replace(tls.VersionName(state.Version), "TLS ", "TLSv", 1), true)
	case "subject_peer_certificate":
		if len(state.PeerCertificates) > 0 {
			return text(dst, state.PeerCertificates[0].Subject.String(), true)
		}
	}
	return nil, abi.StatusNotFound
}
