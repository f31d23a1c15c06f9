package callout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	method, path, authority := pseudo(call.Headers, ":method"), pseudo(call.Headers, ":path"), pseudo(call.Headers, ":authority")
	u, err := url.ParseRequestURI(path)
	if err != nil || !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("its :path %q is not one: write a path that begins with /", path)
	}
	if !httpguts.ValidHostHeader(authority) || !httpguts.ValidHeaderFieldName(method) {
		return nil, errors.New("its :authority or :method is not one")
	}
	req := (&http.Request{Method: method, URL: u, Host: authority, Header: headerOf(call.Headers), Body: http.NoBody}).WithContext(ctx)
	if len(call.Body) > 0 {
		setBody(req, call.Body)
		req.ContentLength = int64(len(call.Body))
	}
	if trailer := trailerOf(call.Trailers); len(trailer) > 0 {
		setBody(req, call.Body) // also an empty one: trailers come behind a body
		req.ContentLength, req.Trailer = -1, trailer
	}
	return req, nil
}

// pseudo finds a pseudo header; the last one counts.
func pseudo(pairs []abi.Pair, name string) (value string) {
	for _, p := range pairs {
		if strings.EqualFold(p.Name, name) {
			value = p.Value
		}
	}
	return value
}

// headerOf keeps what may pass from a plugin to a server. Plugins copy whole maps, so the rest is no error.
func headerOf(pairs []abi.Pair) http.Header {
	named := connectionOptions(pairs)
	header := http.Header{"User-Agent": nil} // none but the plugin's
	for _, p := range pairs {
		name := strings.ToLower(p.Name)
		if mayPass(name) && !named[name] && httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(p.Value) {
			header.Add(name, p.Value)
		}
	}
	return header
}

// connectionOptions are the headers that a Connection header makes hop-by-hop.
func connectionOptions(pairs []abi.Pair) map[string]bool {
	named := map[string]bool{}
	for _, p := range pairs {
		if strings.EqualFold(p.Name, "connection") {
			for option := range strings.SplitSeq(p.Value, ",") {
				named[strings.ToLower(strings.TrimSpace(option))] = true
			}
		}
	}
	return named
}

func mayPass(name string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings",
		"host", "content-length":
		return false
	}
	return !strings.HasPrefix(name, ":")
}

func trailerOf(pairs []abi.Pair) http.Header {
	trailer := http.Header{}
	for _, p := range pairs {
		if httpguts.ValidTrailerHeader(p.Name) && mayPass(strings.ToLower(p.Name)) &&
			httpguts.ValidHeaderFieldName(p.Name) && httpguts.ValidHeaderFieldValue(p.Value) {
			trailer.Add(p.Name, p.Value)
		}
	}
	return trailer
}

// setBody sets a body that can be sent again, on a fresh connection after an idle one was closed by the server.
func setBody(req *http.Request, body []byte) {
	req.GetBody = func() (io.ReadCloser, error) { return nopCloser{bytes.NewReader(body)}, nil }
	req.Body, _ = req.GetBody()
}

// nopCloser is a body that may be closed before it was read and read then, as another endpoint is tried.
type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

func headersOf(status int, h http.Header) []abi.Pair {
	return append([]abi.Pair{{Name: ":status", Value: strconv.Itoa(status)}}, pairsOf(h)...)
}

// pairsOf lists the headers sorted by name: Go does not keep their order.
func pairsOf(h http.Header) []abi.Pair {
	var pairs []abi.Pair
	for name, values := range h {
		for _, value := range values {
			pairs = append(pairs, abi.Pair{Name: strings.ToLower(name), Value: value})
		}
	}
	slices.SortStableFunc(pairs, func(a, b abi.Pair) int { return strings.Compare(a.Name, b.Name) })
	return pairs
}
