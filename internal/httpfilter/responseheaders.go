package httpfilter

import (
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// responseHeaders is the head of a response as a guest sees it, :status first.
type responseHeaders struct {
	header http.Header
	status int
}

// Len implements proxywasm.HeaderMap.
func (m *responseHeaders) Len() int { return 1 + count(m.header) }

// AppendPairs implements proxywasm.HeaderMap.
func (m *responseHeaders) AppendPairs(dst []abi.Pair) []abi.Pair {
	return appendPairs(append(dst, abi.Pair{Name: ":status", Value: strconv.Itoa(m.status)}), m.header)
}

// Get implements proxywasm.HeaderMap.
func (m *responseHeaders) Get(name []byte) (string, bool) {
	if string(name) == ":status" {
		return strconv.Itoa(m.status), true
	}
	return lookup(m.header, name)
}

// Add implements proxywasm.HeaderMap.
func (m *responseHeaders) Add(name, value []byte) { m.put(name, value, http.Header.Add) }

// Set implements proxywasm.HeaderMap.
func (m *responseHeaders) Set(name, value []byte) { m.put(name, value, http.Header.Set) }

func (m *responseHeaders) put(name, value []byte, put func(http.Header, string, string)) {
	n, v := strings.ToLower(string(name)), string(value)
	switch {
	case n == ":status":
		m.setStatus(v)
	case n == "transfer-encoding" || !httpguts.ValidHeaderFieldName(n) || !httpguts.ValidHeaderFieldValue(v):
		// framing is the gateway's business, and invalid bytes never leave it
	default:
		put(m.header, n, v)
	}
}

// setStatus takes final statuses of three digits and ignores the rest.
func (m *responseHeaders) setStatus(value string) {
	if n, err := strconv.Atoi(value); err == nil && n >= 200 && n <= 599 {
		m.status = n
	}
}

// Remove implements proxywasm.HeaderMap.
func (m *responseHeaders) Remove(name []byte) { m.header.Del(string(name)) }

// Replace implements proxywasm.HeaderMap.
func (m *responseHeaders) Replace(pairs []abi.Pair) {
	replaceAll(m.header, pairs)
	m.header.Del("Transfer-Encoding")
	for _, p := range pairs {
		if p.Name == ":status" {
			m.setStatus(p.Value)
		}
	}
}
