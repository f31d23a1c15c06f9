package httpfilter

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// requestHeaders runs on_request_headers and waits while the plugin holds the request.
func (x *exchange) requestHeaders() error {
	if !x.has(abi.OnRequestHeaders) {
		return nil
	}
	before := x.snapshot()
	eos := !x.hasBody && !isTunnel(x.request)
	v := x.stream.RequestHeaders(x.requestMap.Len(), eos)
	err := x.outcomeOf(v)
	if err == nil && v.Paused() {
		if v.Action == abi.ActionPause && x.hasBody && x.has(abi.OnRequestBody) {
			x.headersHeld = true
		} else {
			err = x.wait(abi.OnRequestHeaders)
		}
	}
	if !x.active() {
		before.restore(x.request)
	}
	return err
}

// requestBody puts the plugin between the client's body and the next handler. What is known of the body before the
// head goes on makes its Content-Length right.
func (x *exchange) requestBody() error {
	defer x.forwarded.Store(true)
	if !x.hasBody || (!x.has(abi.OnRequestBody) && !x.has(abi.OnRequestTrailers)) {
		return nil
	}
	x.bodyReader = newRequestBody(x)
	x.request.Body = x.bodyReader
	if x.request.Trailer == nil {
		x.request.Trailer = http.Header{} // what a plugin adds must be in the map that the next handler has
	}
	if !x.headersHeld && x.request.ContentLength < 0 {
		return nil
	}
	if err := x.bodyReader.prime(); err != nil {
		return err
	}
	x.fixRequestLength()
	return nil
}

func (x *exchange) fixRequestLength() {
	r, b := x.request, x.bodyReader
	switch {
	case b.eof && len(r.Trailer) == 0:
		r.ContentLength = int64(len(b.ready))
		r.Header.Set("Content-Length", strconv.Itoa(len(b.ready)))
	case b.eof || b.altered: // in HTTP/1.1 only a chunked body has trailers
		r.ContentLength = -1
		r.Header.Del("Content-Length")
	}
	b.fixed = r.ContentLength >= 0 && !b.eof
}

// isTunnel reports whether the request's body is the bytes of a tunnel, as in HTTP/2 and HTTP/3. An Upgrade header says
// nothing of the kind: any client may send one with any body.
func isTunnel(r *http.Request) bool {
	return r.Method == http.MethodConnect && r.ProtoMajor > 1
}

// headSnapshot is the head of a request before a plugin that may fail open sees it.
type headSnapshot struct {
	header       http.Header
	method, host string
	uri          string
	url          url.URL
	length       int64
}

// snapshot returns nil for plugins that fail closed: nobody would want it back.
func (x *exchange) snapshot() *headSnapshot {
	if !x.filter.plugin.FailOpen() {
		return nil
	}
	r := x.request
	return &headSnapshot{r.Header.Clone(), r.Method, r.Host, r.RequestURI, *r.URL, r.ContentLength}
}

func (s *headSnapshot) restore(r *http.Request) {
	if s == nil {
		return
	}
	clear(r.Header)
	for name, values := range s.header {
		r.Header[name] = values
	}
	r.Method, r.Host, r.RequestURI, *r.URL, r.ContentLength = s.method, s.host, s.uri, s.url, s.length
}
