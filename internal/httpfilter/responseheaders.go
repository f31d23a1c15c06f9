package httpfilter

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// responseHeaders is the head of a response as a guest sees it, :status first.
type responseHeaders struct {
	header http.Header
	status int
	lists  lists
}

// length is the declared length of the body; empty without one.
func (m *responseHeaders) length() string {
	value, _ := first(m.header["Content-Length"])
	return value
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
func (m *responseHeaders) Add(name, value []byte) string { return m.put(name, value, (*lists).add) }

// Set implements proxywasm.HeaderMap.
func (m *responseHeaders) Set(name, value []byte) string { return m.put(name, value, (*lists).set) }

func (m *responseHeaders) put(name, value []byte, put func(*lists, http.Header, string, string)) (refused string) {
	key, v := kept(name, value)
	switch {
	case strings.HasPrefix(key, ":"):
		return m.setPseudo(strings.ToLower(key), v)
	case key == "Transfer-Encoding":
		return badFraming
	case key == "Content-Length":
		return m.setLength(v)
	}
	if refused := check(key, v); refused != "" {
		return refused
	}
	put(&m.lists, m.header, key, v)
	return ""
}

// setPseudo takes final statuses of three digits and refuses the rest.
func (m *responseHeaders) setPseudo(name, value string) (refused string) {
	n, err := strconv.Atoi(value)
	if name != ":status" || err != nil || n < 200 || n > 999 {
		return badPseudo
	}
	m.status = n
	return ""
}

// setLength keeps one length, for two would be read as two different messages.
func (m *responseHeaders) setLength(value string) (refused string) {
	if _, err := strconv.ParseUint(value, 10, 63); err != nil {
		return badFraming
	}
	m.header.Set("Content-Length", value)
	return ""
}

// Remove implements proxywasm.HeaderMap.
func (m *responseHeaders) Remove(name []byte) (refused string) {
	if len(name) > 0 && name[0] == ':' {
		return fixedPseudo
	}
	remove(m.header, name)
	m.unguessed()
	return ""
}

// unguessed keeps net/http from guessing a Content-Type where a guest took it away: a name without values does.
func (m *responseHeaders) unguessed() {
	if _, ok := m.header["Content-Type"]; !ok {
		m.header["Content-Type"] = nil
	}
}

// Replace implements proxywasm.HeaderMap.
func (m *responseHeaders) Replace(pairs []abi.Pair) (refused string) {
	refused = replaceAll(m.header, pairs)
	m.header.Del("Transfer-Encoding")
	m.header.Del("Content-Length")
	m.unguessed()
	for _, p := range pairs {
		switch n := strings.ToLower(p.Name); {
		case strings.HasPrefix(n, ":"):
			refused = cmp.Or(m.setPseudo(n, p.Value), refused)
		case n == "content-length":
			refused = cmp.Or(m.setLength(p.Value), refused)
		}
	}
	return refused
}
