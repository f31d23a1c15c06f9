package callout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// newRequest turns a plugin's pairs into a request. Hop-by-hop headers and the length are the transport's business.
func newRequest(ctx context.Context, call proxywasm.HTTPCall) (*http.Request, error) {
	var method, path, authority string
	header := http.Header{}
	for _, p := range call.Headers {
		switch name := strings.ToLower(p.Name); {
		case name == ":method":
			method = p.Value
		case name == ":path":
			path = p.Value
		case name == ":authority":
			authority = p.Value
		case mayPass(name) && httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(p.Value):
			header.Add(name, p.Value)
		}
	}
	if header["User-Agent"] == nil {
		header["User-Agent"] = nil // keeps net/http from naming itself
	}
	u, err := url.ParseRequestURI(path)
	if err != nil || !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("the call's :path %q is not one", path)
	}
	if !httpguts.ValidHostHeader(authority) || !httpguts.ValidHeaderFieldName(method) {
		return nil, errors.New("the call's :authority or :method is not one")
	}
	req := (&http.Request{Method: method, URL: u, Host: authority, Header: header, Body: http.NoBody}).WithContext(ctx)
	if len(call.Body) > 0 {
		req.Body = nopCloser{bytes.NewReader(call.Body)}
		req.ContentLength = int64(len(call.Body))
	}
	addTrailers(req, call)
	return req, nil
}

// nopCloser is a body that may be closed before it was read and read then, as another endpoint is tried.
type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

func addTrailers(req *http.Request, call proxywasm.HTTPCall) {
	if len(call.Trailers) == 0 {
		return
	}
	req.Trailer = http.Header{}
	for _, p := range call.Trailers {
		req.Trailer.Add(p.Name, p.Value)
	}
	req.Body, req.ContentLength = nopCloser{bytes.NewReader(call.Body)}, -1
}

func mayPass(name string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length":
		return false
	}
	return !strings.HasPrefix(name, ":")
}

// answer is a header map that a plugin only reads.
type answer []abi.Pair

func headersOf(status int, h http.Header) proxywasm.HeaderMap {
	return append(answer{{Name: ":status", Value: strconv.Itoa(status)}}, pairsOf(h)...)
}

// trailersOf is nil without trailers.
func trailersOf(h http.Header) proxywasm.HeaderMap {
	if pairs := pairsOf(h); len(pairs) > 0 {
		return pairs
	}
	return nil
}

func pairsOf(h http.Header) answer {
	var pairs answer
	for name, values := range h {
		for _, value := range values {
			pairs = append(pairs, abi.Pair{Name: strings.ToLower(name), Value: value})
		}
	}
	slices.SortStableFunc(pairs, func(a, b abi.Pair) int { return strings.Compare(a.Name, b.Name) })
	return pairs
}

// Len implements proxywasm.HeaderMap.
func (a answer) Len() int { return len(a) }

// AppendPairs implements proxywasm.HeaderMap.
func (a answer) AppendPairs(dst []abi.Pair) []abi.Pair { return append(dst, a...) }

// Get implements proxywasm.HeaderMap.
func (a answer) Get(name []byte) (string, bool) {
	for _, p := range a {
		if strings.EqualFold(p.Name, string(name)) {
			return p.Value, true
		}
	}
	return "", false
}

const readOnly = "the answer to a call cannot be changed"

// Add implements proxywasm.HeaderMap.
func (answer) Add([]byte, []byte) string { return readOnly }

// Set implements proxywasm.HeaderMap.
func (answer) Set([]byte, []byte) string { return readOnly }

// Remove implements proxywasm.HeaderMap.
func (answer) Remove([]byte) string { return readOnly }

// Replace implements proxywasm.HeaderMap.
func (answer) Replace([]abi.Pair) string { return readOnly }
