package httpfilter

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// What all maps over an http.Header share. Go keeps the order of values within a name, not between names, so names are
// sorted: the order is the same in every run.

func lookup(h http.Header, name []byte) (string, bool) {
	var buf [64]byte
	if len(name) > len(buf) {
		values := h[textproto.CanonicalMIMEHeaderKey(string(name))]
		return first(values)
	}
	canonical(buf[:len(name)], name)
	if values, ok := h[string(buf[:len(name)])]; ok {
		return first(values)
	}
	return first(h[string(name)])
}

func first(values []string) (string, bool) {
	if len(values) == 0 {
		return "", false
	}
	return values[0], true
}

// canonical writes name in Go's form (X-Request-Id) to dst, without an allocation.
func canonical(dst, name []byte) {
	upper := true
	for i, c := range name {
		switch {
		case upper && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case !upper && 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		dst[i] = c
		upper = c == '-'
	}
}

func appendPairs(dst []abi.Pair, h http.Header) []abi.Pair {
	from := len(dst)
	for name, values := range h {
		lower := strings.ToLower(name)
		for _, value := range values {
			dst = append(dst, abi.Pair{Name: lower, Value: value})
		}
	}
	slices.SortStableFunc(dst[from:], func(a, b abi.Pair) int { return strings.Compare(a.Name, b.Name) })
	return dst
}

func count(h http.Header) int {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	return n
}

// field checks what a guest wants to write. Bytes that could split a message never reach net/http.
func field(name, value []byte) (string, string, bool) {
	n, v := string(name), string(value)
	return n, v, httpguts.ValidHeaderFieldName(n) && httpguts.ValidHeaderFieldValue(v)
}

func replaceAll(h http.Header, pairs []abi.Pair) {
	clear(h)
	for _, p := range pairs {
		if !strings.HasPrefix(p.Name, ":") && httpguts.ValidHeaderFieldName(p.Name) && httpguts.ValidHeaderFieldValue(p.Value) {
			h.Add(p.Name, p.Value)
		}
	}
}

// trailerMap is a map of trailers, which may not exist yet.
type trailerMap struct{ header *http.Header }

func (m *trailerMap) Len() int                              { return count(*m.header) }
func (m *trailerMap) AppendPairs(dst []abi.Pair) []abi.Pair { return appendPairs(dst, *m.header) }
func (m *trailerMap) Get(name []byte) (string, bool)        { return lookup(*m.header, name) }
func (m *trailerMap) Remove(name []byte)                    { m.header.Del(string(name)) }
func (m *trailerMap) Replace(pairs []abi.Pair)              { m.make(); replaceAll(*m.header, pairs) }

func (m *trailerMap) Add(name, value []byte) {
	if n, v, ok := field(name, value); ok {
		m.make()
		m.header.Add(n, v)
	}
}

func (m *trailerMap) Set(name, value []byte) {
	if n, v, ok := field(name, value); ok {
		m.make()
		m.header.Set(n, v)
	}
}

func (m *trailerMap) make() {
	if *m.header == nil {
		*m.header = http.Header{}
	}
}
