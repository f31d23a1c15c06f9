package httpfilter

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// requestHeaders is the head of a request as a guest sees it: pseudo headers first, `host` as another name of :authority.
type requestHeaders struct {
	request *http.Request
	scheme  string // set by a guest; it is only remembered
}

// pseudoNames are the request's pseudo headers in Envoy's order.
func pseudoNames() [pseudoCount]string {
	return [...]string{":authority", ":path", ":method", ":scheme"}
}

const pseudoCount = 4

func (m *requestHeaders) pseudo(name string) (string, bool) {
	r := m.request
	switch name {
	case ":authority", "host":
		return r.Host, true
	case ":path":
		return r.URL.RequestURI(), true
	case ":method":
		return r.Method, true
	case ":scheme":
		return m.schemeOf(), true
	case "transfer-encoding":
		return "chunked", slices.Contains(r.TransferEncoding, "chunked")
	}
	return "", false
}

func (m *requestHeaders) schemeOf() string {
	switch {
	case m.scheme != "":
		return m.scheme
	case m.request.TLS != nil:
		return "https"
	}
	return "http"
}

// Len implements proxywasm.HeaderMap.
func (m *requestHeaders) Len() int {
	n := pseudoCount + count(m.request.Header)
	if _, chunked := m.pseudo("transfer-encoding"); chunked {
		n++
	}
	return n
}

// AppendPairs implements proxywasm.HeaderMap.
func (m *requestHeaders) AppendPairs(dst []abi.Pair) []abi.Pair {
	for _, name := range pseudoNames() {
		value, _ := m.pseudo(name)
		dst = append(dst, abi.Pair{Name: name, Value: value})
	}
	dst = appendPairs(dst, m.request.Header)
	if value, chunked := m.pseudo("transfer-encoding"); chunked {
		dst = append(dst, abi.Pair{Name: "transfer-encoding", Value: value})
	}
	return dst
}

// Get implements proxywasm.HeaderMap.
func (m *requestHeaders) Get(name []byte) (string, bool) {
	if len(name) > 0 && name[0] == ':' {
		return m.pseudo(string(name))
	}
	if value, ok := lookup(m.request.Header, name); ok {
		return value, true
	}
	return m.pseudo(strings.ToLower(string(name)))
}

// Add implements proxywasm.HeaderMap.
func (m *requestHeaders) Add(name, value []byte) { m.put(name, value, http.Header.Add) }

// Set implements proxywasm.HeaderMap.
func (m *requestHeaders) Set(name, value []byte) { m.put(name, value, http.Header.Set) }

func (m *requestHeaders) put(name, value []byte, put func(http.Header, string, string)) {
	n, v := strings.ToLower(string(name)), string(value)
	if !httpguts.ValidHeaderFieldValue(v) {
		return
	}
	switch {
	case strings.HasPrefix(n, ":") || n == "host":
		m.setPseudo(n, v)
	case n == "transfer-encoding":
		// framing is the gateway's business
	case n == "content-length":
		m.setLength(v)
	case httpguts.ValidHeaderFieldName(n):
		put(m.request.Header, n, v)
	}
}

// setPseudo ignores what cannot be a method, a path or a host: the guest gets no say in the framing of the request.
func (m *requestHeaders) setPseudo(name, value string) {
	r := m.request
	switch name {
	case ":authority", "host":
		if httpguts.ValidHostHeader(value) {
			r.Host = value
		}
	case ":method":
		if httpguts.ValidHeaderFieldName(value) { // a method is a token, as names are
			r.Method = value
		}
	case ":scheme":
		m.scheme = value
	case ":path":
		if u, err := url.ParseRequestURI(value); err == nil && strings.HasPrefix(value, "/") {
			r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.RequestURI = u.Path, u.RawPath, u.RawQuery, value
		}
	}
}

func (m *requestHeaders) setLength(value string) {
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return
	}
	m.request.ContentLength = int64(n)
	m.request.Header.Set("Content-Length", value)
}

// Remove implements proxywasm.HeaderMap. Pseudo headers stay: without them there is no request.
func (m *requestHeaders) Remove(name []byte) {
	n := strings.ToLower(string(name))
	if strings.HasPrefix(n, ":") {
		return
	}
	if n == "content-length" && m.request.ContentLength > 0 {
		m.request.ContentLength = -1
	}
	m.request.Header.Del(n)
}

// Replace implements proxywasm.HeaderMap.
func (m *requestHeaders) Replace(pairs []abi.Pair) {
	length := m.request.Header["Content-Length"]
	replaceAll(m.request.Header, pairs)
	if delete(m.request.Header, "Transfer-Encoding"); length != nil {
		m.request.Header["Content-Length"] = length
	}
	for _, p := range pairs {
		if n := strings.ToLower(p.Name); strings.HasPrefix(n, ":") || n == "host" {
			m.setPseudo(n, p.Value)
		}
	}
	m.request.Header.Del("Host")
}
