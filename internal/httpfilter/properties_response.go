package httpfilter

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/loom-gateway/loom/internal/filterstate"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// ofResponse answers response.*: not before there is one.
func (p property) ofResponse(path abi.PropertyPath) ([]byte, abi.Status) {
	if !p.inResponse() && !p.ending() {
		return nil, abi.StatusNotFound
	}
	w := &p.response
	name, rest := path.Next()
	switch string(name) {
	case "code":
		return p.responseCode()
	case "code_details":
		return p.known(p.codeDetails())
	case "flags":
		return p.number(int64(p.flags()))
	case "backend_latency":
		u, _ := p.about.State.Upstream()
		if u.Latency == 0 {
			return nil, abi.StatusNotFound
		}
		return p.nanoseconds(int64(u.Latency))
	}
	if !w.wroteHeader {
		return nil, abi.StatusNotFound
	}
	switch string(name) {
	case "headers":
		return p.headers(&w.headers, w.headers.header, rest)
	case "trailers":
		if w.trailers == nil && !p.ending() {
			return nil, abi.StatusNotFound
		}
		return p.headers(&trailerMap{&w.trailers}, w.trailers, rest)
	case "grpc_status":
		return p.grpcStatus()
	case "headers_bytes":
		return p.number(p.responseHeadersBytes())
	case "size":
		return p.number(p.response.sent.Load())
	case "total_size":
		return p.number(p.responseHeadersBytes() + sizeOf(w.trailers) + p.response.sent.Load())
	}
	return nil, abi.StatusNotFound
}

// responseCode is the status of the response, or the one that the embedder makes of the error that ended the request.
func (p property) responseCode() ([]byte, abi.Status) {
	switch {
	case p.response.wroteHeader:
		return p.number(int64(p.response.headers.status))
	case p.errorStatus != 0:
		return p.number(int64(p.errorStatus))
	}
	return nil, abi.StatusNotFound
}

// grpcStatus looks for the status of a gRPC response where it may be: in the trailers, before or after they were handed
// on, or in the headers of a response without a body.
func (p property) grpcStatus() ([]byte, abi.Status) {
	const name = "Grpc-Status"
	h := p.response.headers.header
	for _, values := range [][]string{p.response.trailers[name], h[http.TrailerPrefix+name], p.response.Header()[http.TrailerPrefix+name], h[name]} {
		text, ok := first(values)
		if n, err := strconv.ParseInt(text, 10, 32); ok && err == nil {
			return p.number(n)
		}
	}
	return nil, abi.StatusNotFound
}

func (p property) responseHeadersBytes() int64 {
	return sizeOf(p.response.headers.header) + int64(len(":status")+3)
}

// codeDetails says who made the response, in Envoy's words.
func (p property) codeDetails() string {
	p.mu.Lock()
	details := p.details
	p.mu.Unlock()
	details = cmp.Or(details, p.about.State.Failure().Details)
	switch {
	case details != "":
		return details
	case p.clientGone():
		return "downstream_remote_disconnect"
	case !p.response.wroteHeader:
		return ""
	}
	if _, ok := p.about.State.Upstream(); !ok && p.filter.options.UpstreamAddress != nil && p.upstreamAddress() == "" {
		return "direct_response"
	}
	return "via_upstream"
}

func (p property) flags() filterstate.Flags {
	flags := p.about.State.Failure().Flags
	if p.clientGone() {
		flags |= filterstate.DownstreamConnectionTermination
	}
	return flags
}

// clientGone reports whether the client went away before its answer was complete: the server ends the request's context
// only after the handlers have returned.
func (x *exchange) clientGone() bool { return x.request.Context().Err() != nil }

// underscored makes one word of a plugin's text, for access logs.
func underscored(details string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, details)
}
