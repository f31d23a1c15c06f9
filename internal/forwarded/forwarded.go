// Package forwarded knows the fields by which a proxy tells a backend who its client is: what a client writes there itself
// would pass for the word of a proxy.
package forwarded

import (
	"net/http"
	"strings"
)

const (
	standard = "forwarded"
	realIP   = "x-real-ip"
	prefix   = "x-forwarded-"
)

// Is reports whether a field is Forwarded, X-Real-IP or an X-Forwarded-*, to a backend that takes hyphens, underscores and dots
// for the same, as those do that make variables of headers.
func Is(name string) bool {
	if len(name) == len(standard) { // both have nine letters
		return same(name, standard) || same(name, realIP)
	}
	return len(name) > len(prefix) && same(name[:len(prefix)], prefix)
}

// IsAlias reports whether it is one of them in a spelling with underscores or dots.
func IsAlias(name string) bool { return Is(name) && strings.ContainsAny(name, "_.") }

// Drop removes these fields, in every spelling.
func Drop(h http.Header) {
	for name := range h {
		if Is(name) {
			delete(h, name)
		}
	}
}

// same compares with a word in lower case.
func same(name, word string) bool {
	for i := range len(word) {
		c := name[i]
		switch {
		case c == '_' || c == '.':
			c = '-'
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
