package httpfilter

import (
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// ofRequest answers request.*: the request as it is now, with what plugins have changed.
func (p property) ofRequest(path abi.PropertyPath) ([]byte, abi.Status) {
	if !p.readable() {
		return nil, abi.StatusNotFound
	}
	r := p.request
	name, rest := path.Next()
	switch string(name) {
	case "path":
		return p.text(r.URL.RequestURI())
	case "url_path":
		return p.text(r.URL.EscapedPath())
	case "query":
		return p.text(r.URL.RawQuery)
	case "host":
		return p.text(r.Host)
	case "scheme":
		return p.text(p.requestMap.schemeOf())
	case "method":
		return p.text(r.Method)
	case "protocol":
		return p.text(protocol(r))
	case "id":
		return p.requestID()
	case "referer":
		return p.header(r.Header, "Referer")
	case "useragent":
		return p.header(r.Header, "User-Agent")
	case "headers":
		return p.headers(&p.requestMap, r.Header, rest)
	}
	return p.ofRequestMeasured(string(name))
}

// ofRequestMeasured answers the numbers of request.*.
func (p property) ofRequestMeasured(name string) ([]byte, abi.Status) {
	switch name {
	case "time":
		return p.nanoseconds(p.began.UnixNano())
	case "duration":
		if !p.ending() { // as in Envoy: it has no duration before it has ended
			return nil, abi.StatusNotFound
		}
		return p.nanoseconds(int64(time.Since(p.began)))
	case "headers_bytes":
		return p.number(p.requestHeadersBytes())
	case "size":
		return p.number(p.requestSize())
	case "total_size":
		return p.number(p.requestHeadersBytes() + p.requestSize())
	}
	return nil, abi.StatusNotFound
}

// requestID is what the embedder knows, the header's, or the one that the embedder makes up.
func (p property) requestID() ([]byte, abi.Status) {
	if id := p.about.RequestID; id != "" {
		return p.text(id)
	}
	value, status := p.header(p.request.Header, "X-Request-Id")
	f := p.filter.options.Property
	if status == abi.StatusOK || f == nil || !p.alone() {
		return value, status
	}
	id, _ := f(p.request, "request\x00id")
	return p.known(id)
}

// requestHeadersBytes counts names and values as HTTP/2 has them, pseudo headers included.
func (p property) requestHeadersBytes() int64 {
	n := sizeOf(p.request.Header)
	for _, name := range pseudoNames() {
		value, _ := p.requestMap.pseudo(name)
		n += int64(len(name) + len(value))
	}
	return n
}

// requestSize is the declared length of the body, or what was received of it so far.
func (p property) requestSize() int64 {
	if p.request.ContentLength >= 0 {
		return p.request.ContentLength
	}
	return p.received.n.Load()
}

func protocol(r *http.Request) string {
	if r.ProtoMajor >= 2 {
		return "HTTP/" + strconv.Itoa(r.ProtoMajor)
	}
	return r.Proto
}

// receivedBody counts what is read of a body.
type receivedBody struct {
	io.ReadCloser
	n atomic.Int64
}

// Read implements io.Reader.
func (b *receivedBody) Read(data []byte) (int, error) {
	n, err := b.ReadCloser.Read(data)
	b.n.Add(int64(n))
	return n, err
}
