package httpfilter

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

// isGRPC reports whether a request is one of gRPC. gRPC-Web is not: its clients read the HTTP status.
func isGRPC(r *http.Request) bool {
	rest, ok := strings.CutPrefix(r.Header.Get("Content-Type"), "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// writeGRPC answers a gRPC request as Envoy does: HTTP 200 and the status in the headers, without a body ("trailers
// only"), for gRPC's clients look at nothing else.
func (x *exchange) writeGRPC(reply *proxywasm.LocalReply) {
	h := x.response.Header()
	addHeaders(h, reply)
	h.Set("Content-Type", "application/grpc")
	if h.Get("Grpc-Status") == "" {
		h.Set("Grpc-Status", strconv.Itoa(grpcStatus(reply)))
	}
	if len(reply.Body) > 0 {
		h.Set("Grpc-Message", percentEncode(reply.Body))
	}
	h.Set("Content-Length", "0") // the head is the end, for the plugin's own callbacks too
	x.response.WriteHeader(http.StatusOK)
}

// failGRPC answers a gRPC request that a plugin's failure has ended, where other requests get an error's HTTP status.
func (x *exchange) failGRPC(failure *Error) {
	x.response.reset()
	h := x.response.ResponseWriter.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Status", strconv.Itoa(grpcStatus(&proxywasm.LocalReply{Status: failure.Status, GRPCStatus: -1})))
	h.Set("Content-Length", "0")
	x.response.ResponseWriter.WriteHeader(http.StatusOK)
}

// maxGRPCStatus is the last status that gRPC knows, UNAUTHENTICATED.
const maxGRPCStatus = 16

// grpcStatus is the plugin's own, or the one that gRPC's documentation gives an HTTP status.
func grpcStatus(reply *proxywasm.LocalReply) int {
	if reply.GRPCStatus >= 0 && reply.GRPCStatus <= maxGRPCStatus {
		return int(reply.GRPCStatus)
	}
	switch reply.Status {
	case http.StatusBadRequest:
		return 13 // INTERNAL
	case http.StatusUnauthorized:
		return maxGRPCStatus
	case http.StatusForbidden:
		return 7 // PERMISSION_DENIED
	case http.StatusNotFound:
		return 12 // UNIMPLEMENTED
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 14 // UNAVAILABLE
	}
	return 2 // UNKNOWN
}

// percentEncode writes a message as gRPC wants it in a header: printable ASCII, and % before two digits for the rest.
func percentEncode(message []byte) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range message {
		if c < ' ' || c >= '~' || c == '%' {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
