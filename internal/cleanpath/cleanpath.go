// Package cleanpath gives a request path the one spelling that is matched, that plugins see and that the backend gets.
//
// A path that two readers could take for different ones is a way around a route's plugins. So dot segments and
// doubled slashes are resolved, characters that need no escape are unescaped, others are escaped in one way, and
// what backends are known to read differently is refused unless the policy keeps it.
package cleanpath

import (
	"errors"
	"fmt"
	"strings"
)

// Choice is what becomes of a spelling that backends read differently.
type Choice int

// The choices.
const (
	Reject Choice = iota
	Keep
	Strip // semicolons only: the path parameter is removed
)

// Policy decides about ambiguous spellings. The zero value refuses them.
type Policy struct {
	// EncodedSlashes is about %2F: Reject or Keep (as part of its segment).
	EncodedSlashes Choice
	// Semicolons is about path parameters, `/a;x=1/b`: Reject, Strip or Keep.
	Semicolons Choice
}

// Errors of Clean. Each says what the client sent.
var (
	ErrEscape       = errors.New("the path has an invalid %-escape")
	ErrControl      = errors.New("the path has a control character")
	ErrBackslash    = errors.New("the path has a backslash")
	ErrEncodedSlash = errors.New("the path has an encoded slash (%2F)")
	ErrSemicolon    = errors.New("the path has a path parameter (;)")
	ErrAboveRoot    = errors.New("the path climbs above the root")
	ErrHiddenDots   = errors.New("the path hides a dot segment behind an encoded slash or a semicolon")
	ErrRelative     = errors.New("the path does not begin with a slash")
)

// Clean returns the clean spelling of an escaped path. It allocates nothing when the path is clean already.
func Clean(path string, p Policy) (string, error) {
	if path == "" {
		return "/", nil
	}
	if path[0] != '/' {
		return "", ErrRelative
	}
	if isClean(path) {
		return path, nil
	}
	spelled, err := respell(path, p)
	if err != nil {
		return "", err
	}
	return resolve(spelled)
}

// isClean reports whether a path has nothing that could need work.
func isClean(path string) bool {
	for i := range len(path) {
		if path[i] == '/' {
			if i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '.') {
				return false
			}
		} else if !plain(path[i]) {
			return false
		}
	}
	return true
}

// plain reports whether a byte stands in a path as itself: RFC 3986's pchar without % and ;
func plain(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("-._~!$&'()*+,=:@", c) >= 0
}

// respell gives every character one spelling.
func respell(path string, p Policy) (string, error) {
	var b strings.Builder
	b.Grow(len(path))
	for i := 0; i < len(path); i++ {
		c, escaped := path[i], path[i] == '%'
		if escaped {
			if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
				return "", ErrEscape
			}
			c = unhex(path[i+1])<<4 | unhex(path[i+2])
			i += 2
		}
		skip, err := spell(&b, c, escaped, p)
		if err != nil {
			return "", err
		}
		for skip && i+1 < len(path) && path[i+1] != '/' {
			i++
		}
	}
	return b.String(), nil
}

// spell writes one character. skip asks to leave out the rest of the segment.
func spell(b *strings.Builder, c byte, escaped bool, p Policy) (skip bool, err error) {
	switch {
	case c == '/' && !escaped, plain(c):
		b.WriteByte(c)
	case c < ' ' || c == 0x7f:
		return false, ErrControl
	case c == '\\':
		return false, ErrBackslash
	case c == '/' && p.EncodedSlashes != Keep:
		return false, ErrEncodedSlash
	case c == ';' && p.Semicolons == Reject:
		return false, ErrSemicolon
	case c == ';' && p.Semicolons == Strip:
		return true, nil
	case c == ';':
		b.WriteByte(c)
	default:
		fmt.Fprintf(b, "%%%02X", c)
	}
	return false, nil
}

// resolve removes empty and dot segments. A trailing slash stays.
func resolve(path string) (string, error) {
	kept := make([]string, 0, 16)
	last := ""
	for segment := range strings.SplitSeq(path[1:], "/") {
		last = segment
		switch {
		case segment == "" || segment == ".":
		case segment == "..":
			if len(kept) == 0 {
				return "", ErrAboveRoot
			}
			kept = kept[:len(kept)-1]
		case hidesDots(segment):
			return "", ErrHiddenDots
		default:
			kept = append(kept, segment)
		}
	}
	clean := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && (last == "" || last == "." || last == "..") {
		clean += "/"
	}
	return clean, nil
}

// hidesDots reports whether a backend that splits at %2F or cuts at a semicolon would see a dot segment.
func hidesDots(segment string) bool {
	if !strings.Contains(segment, "%2F") && !strings.Contains(segment, ";") {
		return false
	}
	for part := range strings.SplitSeq(segment, "%2F") {
		part, _, _ = strings.Cut(part, ";")
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
