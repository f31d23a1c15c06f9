package httpfilter

import (
	"cmp"
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
	lists   lists
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
func (m *requestHeaders) Add(name, value []byte) string { return m.put(name, value, (*lists).add) }

// Set implements proxywasm.HeaderMap.
func (m *requestHeaders) Set(name, value []byte) string { return m.put(name, value, (*lists).set) }

func (m *requestHeaders) put(name, value []byte, put func(*lists, http.Header, string, string)) (refused string) {
	key, v := kept(name, value)
	switch {
	case strings.HasPrefix(key, ":") || key == "Host":
		return m.setPseudo(strings.ToLower(key), v)
	case key == "Transfer-Encoding":
		return badFraming
	case key == "Content-Length":
		return m.setLength(v)
	}
	if refused := check(key, v); refused != "" {
		return refused
	}
	put(&m.lists, m.request.Header, key, v)
	return ""
}

// isPseudo reports whether a name in lower case stands outside of http.Header.
func isPseudo(name string) bool { return strings.HasPrefix(name, ":") || name == "host" }

// setPseudo refuses what cannot be a method, a path or a host: the guest gets no say in the framing of the request.
func (m *requestHeaders) setPseudo(name, value string) (refused string) {
	r := m.request
	switch {
	case (name == ":authority" || name == "host") && httpguts.ValidHostHeader(value):
		r.Host = value
	case name == ":method" && httpguts.ValidHeaderFieldName(value): // a method is a token, as names are
		r.Method = value
	case name == ":scheme" && httpguts.ValidHeaderFieldValue(value):
		m.scheme = value
	case name == ":path" && httpguts.ValidHeaderFieldValue(value):
		return m.setPath(value)
	default:
		return badPseudo
	}
	return ""
}

func (m *requestHeaders) setPath(value string) (refused string) {
	u, err := url.ParseRequestURI(value)
	if err != nil || !strings.HasPrefix(value, "/") {
		return badPseudo
	}
	to := m.request.URL
	to.Path, to.RawPath, to.RawQuery, to.ForceQuery = u.Path, u.RawPath, u.RawQuery, u.ForceQuery
	m.request.RequestURI = value
	return ""
}

// setLength tells the next handler too. A message without a body has no other length than none.
func (m *requestHeaders) setLength(value string) (refused string) {
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil || (n > 0 && (m.request.Body == nil || m.request.Body == http.NoBody)) {
		return badFraming
	}
	m.request.ContentLength, m.request.TransferEncoding = int64(n), nil
	m.request.Header.Set("Content-Length", value)
	return ""
}

// Remove implements proxywasm.HeaderMap. Pseudo headers stay: without them there is no request.
func (m *requestHeaders) Remove(name []byte) (refused string) {
	switch {
	case len(name) > 0 && name[0] == ':' || equalFold(name, "host"):
		return fixedPseudo
	case equalFold(name, "transfer-encoding"):
		return badFraming
	case equalFold(name, "content-length") && m.request.ContentLength > 0:
		m.request.ContentLength = -1
	}
	remove(m.request.Header, name)
	return ""
}

// Replace implements proxywasm.HeaderMap.
func (m *requestHeaders) Replace(pairs []abi.Pair) (refused string) {
	length := m.request.Header["Content-Length"]
	refused = replaceAll(m.request.Header, pairs)
	if delete(m.request.Header, "Transfer-Encoding"); length != nil {
		m.request.Header["Content-Length"] = length
	}
	for _, p := range pairs {
		if n := strings.ToLower(p.Name); isPseudo(n) {
			refused = cmp.Or(m.setPseudo(n, p.Value), refused)
		}
	}
	m.request.Header.Del("Host")
	return refused
}
