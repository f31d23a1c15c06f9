package http1

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// inlineBody is the longest body that is sent together with the head, when it is in memory.
const inlineBody = 16 << 10

// check refuses what would not be one request to whoever reads it.
func check(req *http.Request) error {
	switch {
	case req.URL == nil:
		return errors.New("the request has no URL")
	case req.Method != "" && !httpguts.ValidHeaderFieldName(req.Method):
		return fmt.Errorf("the request's method %q is not one", req.Method)
	case req.Method == http.MethodConnect:
		return errors.New("CONNECT asks for a tunnel, which is not a request to a backend")
	}
	if !httpguts.ValidHostHeader(hostOf(req)) {
		return errors.New("the request's host is not one")
	}
	if err := CheckQuery(req.URL); err != nil {
		return err
	}
	return checkFields(req.Header)
}

// CheckQuery refuses a query that would end the request line: net/http writes it as it is. The error is a *RequestError. Paths are
// escaped.
func CheckQuery(u *url.URL) error {
	if hasBlank(u.RawQuery) || hasBlank(u.Opaque) {
		return &RequestError{errors.New("the request's query has a character that does not belong there")}
	}
	return nil
}

func hasBlank(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

func checkFields(h http.Header) error {
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("the request's header name %q is not one", name)
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return fmt.Errorf("the request's header %s has a character that does not belong there", name)
			}
		}
	}
	return nil
}

func hostOf(req *http.Request) string {
	if req.Host != "" {
		return req.Host
	}
	return req.URL.Host
}

func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// bodyLength is -1 when it is not known.
func bodyLength(req *http.Request) int64 {
	switch {
	case !hasBody(req):
		return 0
	case req.ContentLength > 0 && len(req.Trailer) == 0:
		return req.ContentLength
	}
	return -1
}

// appendHead appends the request line and the header.
func appendHead(out []byte, req *http.Request) []byte {
	out = append(out, orGet(req.Method)...)
	out = appendTarget(append(out, ' '), req)
	out = append(out, " HTTP/1.1\r\nHost: "...)
	out = append(out, hostOf(req)...)
	out = append(out, "\r\n"...)
	for name, values := range req.Header {
		if !isOwn(name) {
			out = appendField(out, name, values)
		}
	}
	if agent := req.Header["User-Agent"]; len(agent) > 0 && agent[0] != "" {
		out = appendField(out, "User-Agent", agent[:1])
	}
	if req.Close && !hasToken(req.Header["Connection"], "close") {
		out = append(out, "Connection: close\r\n"...)
	}
	return append(appendFraming(out, req), "\r\n"...)
}

func orGet(method string) string {
	if method == "" {
		return http.MethodGet
	}
	return method
}

// isOwn reports whether a field is written by the client itself. An empty User-Agent stands for none.
func isOwn(name string) bool {
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer", "User-Agent":
		return true
	}
	return len(name) >= len("Host") && isOwnSpelling(name)
}

// isOwnSpelling finds the same names in maps whose keys are not canonical: a second framing would be another request.
func isOwnSpelling(name string) bool {
	switch len(name) {
	case len("Host"):
		return strings.EqualFold(name, "Host")
	case len("Trailer"):
		return strings.EqualFold(name, "Trailer")
	case len("Content-Length"):
		return strings.EqualFold(name, "Content-Length")
	case len("Transfer-Encoding"):
		return strings.EqualFold(name, "Transfer-Encoding")
	}
	return false
}

func appendTarget(out []byte, req *http.Request) []byte {
	u := req.URL
	if u.Opaque != "" {
		return append(out, u.RequestURI()...)
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	out = append(out, path...)
	if u.ForceQuery || u.RawQuery != "" {
		out = append(append(out, '?'), u.RawQuery...)
	}
	return out
}

func appendField(out []byte, name string, values []string) []byte {
	for _, value := range values {
		out = append(append(out, name...), ": "...)
		out = append(append(out, value...), "\r\n"...)
	}
	return out
}

func appendFraming(out []byte, req *http.Request) []byte {
	switch n := bodyLength(req); {
	case n > 0:
		out = append(out, "Content-Length: "...)
		return append(strconv.AppendInt(out, n, 10), "\r\n"...)
	case n < 0:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
		if len(req.Trailer) > 0 {
			out = appendField(out, "Trailer", []string{strings.Join(slices.Sorted(maps.Keys(req.Trailer)), ", ")})
		}
		return out
	}
	switch req.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return append(out, "Content-Length: 0\r\n"...)
	}
	return out
}

// appendBody appends a body that is in memory.
func appendBody(out []byte, req *http.Request) ([]byte, error) {
	begin := len(out)
	out = append(out, make([]byte, req.ContentLength)...)
	_, err := io.ReadFull(req.Body, out[begin:])
	if err != nil {
		err = &RequestError{fmt.Errorf("reading the request's body of %d bytes: %w", req.ContentLength, err)}
	}
	closeBody(req)
	return out, err
}

// inMemory reports whether reading the body takes no time and no more than a little memory.
func inMemory(req *http.Request) bool {
	n := bodyLength(req)
	return n > 0 && n <= inlineBody && req.GetBody != nil && !hasToken(req.Header["Expect"], "100-continue")
}

// hasToken reports whether a list of words, over all values of a field, has the word, which is in lower case.
func hasToken(values []string, word string) bool {
	return len(values) > 0 && httpguts.HeaderValuesContainsToken(values, word)
}
