package httpfilter

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

var errTooLate = errors.New("a plugin wanted to answer after the response had begun")

// sendReply writes the plugin's own answer (proxy_send_local_response). The plugin's response callbacks see it, as in
// Envoy, unless it comes from one of them.
func (x *exchange) sendReply() error {
	w := x.response
	if w.committed {
		return errTooLate
	}
	x.mu.Lock()
	reply := x.reply
	x.outcome = nil
	x.mu.Unlock()
	w.reset()
	if isGRPC(x.request) {
		x.writeGRPC(reply)
	} else {
		x.writeReply(reply)
	}
	if stopped := x.stopped(); stopped != nil {
		return stopped
	}
	return w.end()
}

func (x *exchange) writeReply(reply *proxywasm.LocalReply) {
	w := x.response
	addHeaders(w.Header(), reply)
	if len(reply.Body) > 0 && w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "text/plain")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(reply.Body)))
	w.WriteHeader(reply.Status)
	if x.request.Method != http.MethodHead && len(reply.Body) > 0 {
		_, _ = w.Write(reply.Body) // the client is gone, or x.stopped says why
	}
}

func addHeaders(h http.Header, reply *proxywasm.LocalReply) {
	for _, p := range reply.Headers {
		name := strings.ToLower(p.Name)
		framing := name == "content-length" || name == "transfer-encoding" || strings.HasPrefix(name, ":")
		if !framing && httpguts.ValidHeaderFieldName(p.Name) && httpguts.ValidHeaderFieldValue(p.Value) {
			h.Add(p.Name, p.Value)
		}
	}
}

func isGRPC(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// writeGRPC answers a gRPC request: HTTP 200 and the status in the headers, without a body ("trailers only").
func (x *exchange) writeGRPC(reply *proxywasm.LocalReply) {
	w := x.response
	addHeaders(w.Header(), reply)
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Grpc-Status", strconv.Itoa(grpcStatus(reply)))
	if len(reply.Body) > 0 {
		w.Header().Set("Grpc-Message", strings.ReplaceAll(url.QueryEscape(string(reply.Body)), "+", "%20"))
	}
	w.WriteHeader(http.StatusOK)
}

// grpcStatus is the plugin's own, or the one that gRPC's documentation gives an HTTP status.
func grpcStatus(reply *proxywasm.LocalReply) int {
	if reply.GRPCStatus >= 0 && reply.GRPCStatus <= 16 {
		return int(reply.GRPCStatus)
	}
	switch reply.Status {
	case http.StatusOK:
		return 0
	case http.StatusBadRequest:
		return 13
	case http.StatusUnauthorized:
		return 16
	case http.StatusForbidden:
		return 7
	case http.StatusNotFound:
		return 12
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 14
	}
	return 2
}
