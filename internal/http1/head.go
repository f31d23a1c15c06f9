package http1

import (
	"bytes"
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// A head is read in two steps: scanner finds its end as bytes come, and refuses at once what cannot become one, so that no
// backend can keep a request waiting for the end of a line that it will not send; parse takes the lines apart.

// scanner finds the end of a head, or of trailers.
type scanner struct {
	line   int // where the current line begins
	next   int // what was looked at
	fields int // lines that have ended
}

// scan looks at what is new in data, which begins where it did before. end is where the head is over, 0 when it is not.
func (s *scanner) scan(data []byte, maxFields int) (end int, err error) {
	for {
		i := bytes.IndexByte(data[s.next:], '\n')
		if i < 0 {
			s.next = len(data)
			return 0, nil
		}
		newline := s.next + i
		s.next = newline + 1
		if newline == s.line || data[newline-1] != '\r' {
			return 0, malformed("a line does not end in CR LF")
		}
		if newline == s.line+1 {
			return s.next, nil
		}
		if s.fields++; s.fields > maxFields {
			return 0, malformed("it has too many header fields")
		}
		s.line = s.next
	}
}

// opening is what a response begins with; the minor version follows.
const opening = "HTTP/1."

// opens reports whether data is, or may become, the beginning of a response.
func opens(data []byte) bool {
	n := min(len(data), len(opening))
	return string(data[:n]) == opening[:n]
}

// statusLine is the first line of a response.
type statusLine struct {
	minor  int // of HTTP/1
	code   int
	status string // the code and the reason
}

// parseStatus takes the first line, without CR LF, apart.
func parseStatus(line string) (s statusLine, err error) {
	const code = len(opening) + 2 // after the version and a space
	if len(line) < code+3 || line[:len(opening)] != opening || line[len(opening)+1] != ' ' {
		return s, malformed("the status line is not one")
	}
	s.minor = int(line[len(opening)] - '0')
	if s.minor != 0 && s.minor != 1 {
		return s, malformed("it is not of HTTP/1.0 or HTTP/1.1")
	}
	for _, digit := range []byte(line[code : code+3]) {
		if digit < '0' || digit > '9' {
			return s, malformed("the status is not three digits")
		}
		s.code = 10*s.code + int(digit-'0')
	}
	if s.code < 100 {
		return s, malformed("the status is less than 100")
	}
	if len(line) > code+3 && line[code+3] != ' ' || !httpguts.ValidHeaderFieldValue(line[code:]) {
		return s, malformed("the status line is not one")
	}
	s.status = line[code:]
	return s, nil
}

// parseFields takes lines apart that scan has accepted; the empty line is not one of them. n is how many there are.
func parseFields(lines string, n int) (http.Header, error) {
	header := make(http.Header, n)
	values := make([]string, n)
	for i := 0; lines != ""; i++ {
		line, rest, _ := strings.Cut(lines, "\r\n")
		lines = rest
		name, value, ok := strings.Cut(line, ":")
		if !ok || !httpguts.ValidHeaderFieldName(name) { // a space that folds a line, or stands before the colon, is in the name
			return nil, malformed("a header field has no name")
		}
		value = strings.Trim(value, " \t")
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, malformed("a header field has a character that does not belong there")
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if list, seen := header[name]; seen {
			header[name] = append(list, value)
			continue
		}
		values[i] = value
		header[name] = values[i : i+1 : i+1]
	}
	return header, nil
}
