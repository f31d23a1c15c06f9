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

func lookup(h http.Header, name []byte) (string, bool) { return first(valuesOf(h, name)) }

// valuesOf finds the values of a name in any case.
func valuesOf(h http.Header, name []byte) []string {
	var buf [64]byte
	if len(name) > len(buf) {
		return h[textproto.CanonicalMIMEHeaderKey(string(name))]
	}
	canonical(buf[:len(name)], name)
	if values, ok := h[string(buf[:len(name)])]; ok {
		return values
	}
	return h[string(name)]
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

// kept copies what a guest writes: the name as http.Header has it, which net/http takes as it is, and the value. Both are one
// allocation.
func kept(name, value []byte) (key, v string) {
	var buf [128]byte
	both := append(append(buf[:0], name...), value...)
	canonical(both, name)
	text := string(both)
	return text[:len(name)], text[len(name):]
}

// lists makes the lists of values of a header, several in one allocation. Like the header it belongs to one callback at a time.
type lists struct{ room []string }

// listsAtOnce are made together: as many as most plugins need.
const listsAtOnce = 8

func (l *lists) of(value string) []string {
	if len(l.room) == 0 {
		l.room = make([]string, listsAtOnce)
	}
	list := l.room[:1:1]
	l.room = l.room[1:]
	list[0] = value
	return list
}

// add and set are those of http.Header, for names that have its form already.
func (l *lists) add(h http.Header, key, value string) {
	if values := h[key]; len(values) > 0 {
		h[key] = append(values, value)
		return
	}
	l.set(h, key, value)
}

func (l *lists) set(h http.Header, key, value string) { h[key] = l.of(value) }

// remove deletes the values of a name in any case, without an allocation.
func remove(h http.Header, name []byte) {
	var buf [64]byte
	if len(name) > len(buf) {
		h.Del(string(name))
		return
	}
	canonical(buf[:len(name)], name)
	delete(h, string(buf[:len(name)]))
}

// equalFold compares a guest's name with one in lower case.
func equalFold(name []byte, lower string) bool {
	return len(name) == len(lower) && strings.EqualFold(string(name), lower)
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

// Why a map does not take what a guest writes.
const (
	badName     = "the name of a header has bytes that a name must not have; the header was left out"
	badValue    = "the value of a header has control characters (a line break, a NUL); the header was left out"
	badPseudo   = "a pseudo header was given a value that it cannot have, or does not exist; it stays as it was"
	badFraming  = "transfer-encoding and content-length follow from the body; what was written to them was left out"
	badTrailer  = "what frames or routes a message cannot be a trailer; it was left out"
	fixedPseudo = "a pseudo header cannot be removed, for there is no message without it; it stays as it was"
)

// check says what is wrong with a field. Bytes that could split a message never reach net/http.
func check(name, value string) (refused string) {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return badName
	case !httpguts.ValidHeaderFieldValue(value):
		return badValue
	}
	return ""
}

func replaceAll(h http.Header, pairs []abi.Pair) (refused string) {
	clear(h)
	for _, p := range pairs {
		if strings.HasPrefix(p.Name, ":") {
			continue
		}
		if problem := check(p.Name, p.Value); problem != "" {
			refused = problem
			continue
		}
		h.Add(p.Name, p.Value)
	}
	return refused
}

// trailerMap is a map of trailers, which may not exist yet.
type trailerMap struct{ header *http.Header }

func (m *trailerMap) Len() int                              { return count(*m.header) }
func (m *trailerMap) AppendPairs(dst []abi.Pair) []abi.Pair { return appendPairs(dst, *m.header) }
func (m *trailerMap) Get(name []byte) (string, bool)        { return lookup(*m.header, name) }
func (m *trailerMap) Add(name, value []byte) string         { return m.put(name, value, http.Header.Add) }
func (m *trailerMap) Set(name, value []byte) string         { return m.put(name, value, http.Header.Set) }

func (m *trailerMap) Replace(pairs []abi.Pair) string {
	m.make()
	refused := replaceAll(*m.header, pairs)
	for name := range *m.header {
		if !httpguts.ValidTrailerHeader(name) {
			delete(*m.header, name)
			refused = badTrailer
		}
	}
	return refused
}

func (m *trailerMap) Remove(name []byte) string {
	m.header.Del(string(name))
	return ""
}

func (m *trailerMap) put(name, value []byte, put func(http.Header, string, string)) string {
	n, v := string(name), string(value)
	if refused := check(n, v); refused != "" {
		return refused
	}
	if !httpguts.ValidTrailerHeader(n) {
		return badTrailer
	}
	m.make()
	put(*m.header, n, v)
	return ""
}

func (m *trailerMap) make() {
	if *m.header == nil {
		*m.header = http.Header{}
	}
}
