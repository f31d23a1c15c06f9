package callout

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
	"google.golang.org/grpc/codes"

	"github.com/loom-gateway/loom/internal/grpcwire"
	"github.com/loom-gateway/loom/internal/protofields"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
	"github.com/loom-gateway/loom/internal/upstream"
)

// CallGRPC implements proxywasm.GRPCCaller.
func (c *Caller) CallGRPC(call proxywasm.GRPCCall, done func(proxywasm.GRPCResult)) (func(), error) {
	u, err := c.findGRPC(call.Upstream)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout(call.Timeout))
	x := &grpcExchange{upstream: u, ctx: ctx}
	if x.request, err = newGRPCRequest(ctx, call); err != nil {
		cancel()
		return nil, err
	}
	setBody(x.request, grpcwire.AppendMessage(nil, call.Message))
	c.run(func() {
		defer cancel()
		one := &unary{}
		status := x.run(one)
		if answered(ctx) {
			done(one.result(status))
		}
	})
	return cancel, nil
}

// unary collects what arrives for a call that wants one message.
type unary struct {
	message []byte
	count   int
}

func (*unary) InitialMetadata([]abi.Pair)  {}
func (*unary) TrailingMetadata([]abi.Pair) {}
func (*unary) Closed(uint32, string)       {}

func (u *unary) Message(message []byte) {
	u.message = message
	u.count++
}

func (u *unary) result(s grpcwire.Status) proxywasm.GRPCResult {
	if s.Code == codes.OK && u.count != 1 {
		s = grpcwire.Status{Code: codes.Internal, Text: fmt.Sprintf("the server answered with %d messages instead of one", u.count)}
	}
	return proxywasm.GRPCResult{Message: u.message, Code: uint32(s.Code), Text: s.Text}
}

// StreamGRPC implements proxywasm.GRPCCaller. A stream has no end of its own: the guest's, the server's, or the plugin's.
func (c *Caller) StreamGRPC(call proxywasm.GRPCCall, h proxywasm.GRPCHandler) (proxywasm.GRPCStream, error) {
	u, err := c.findGRPC(call.Upstream)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	x, queue := &grpcExchange{upstream: u, ctx: ctx}, newSendQueue()
	if x.request, err = newGRPCRequest(ctx, call); err != nil {
		cancel()
		return nil, err
	}
	x.request.Body = queue
	c.run(func() {
		defer cancel()
		defer queue.abort()
		if status := x.run(h); answered(ctx) {
			h.Closed(uint32(status.Code), status.Text)
		}
	})
	return &grpcStream{queue: queue, cancel: cancel}, nil
}

// grpcStream is what a guest holds of a stream.
type grpcStream struct {
	queue  *sendQueue
	cancel func()
}

// Send implements proxywasm.GRPCStream.
func (s *grpcStream) Send(message []byte) error { return s.queue.send(message) }

// CloseSend implements proxywasm.GRPCStream.
func (s *grpcStream) CloseSend() { s.queue.end() }

// Cancel implements proxywasm.GRPCStream.
func (s *grpcStream) Cancel() { s.cancel() }

// findGRPC resolves the name of an upstream, or the configuration that Istio's plugins write in its place.
func (c *Caller) findGRPC(name string) (*upstream.Upstream, error) {
	u, err := c.find(name, false, upstream.GRPC)
	if target := grpcService(name); err != nil && target != "" {
		u, err = c.find(target, false, upstream.GRPC)
	}
	if err == nil && u.Protocol() == upstream.HTTP {
		return nil, fmt.Errorf("upstream %q speaks HTTP/1.1: set its protocol to grpc, h2c or https", u.Name())
	}
	return u, err
}

// grpcService reads a serialized Envoy GrpcService: envoy_grpc (1) has a cluster_name (1), google_grpc (2) a target_uri (1).
// What is something else gives the empty string.
func grpcService(data string) string {
	service, ok := protofields.Decode([]byte(data))
	if !ok {
		return ""
	}
	for _, kind := range [][]byte{service.Text(1), service.Text(2)} {
		if target, ok := protofields.Decode(kind); ok && len(target.Text(1)) > 0 {
			return strings.TrimPrefix(string(target.Text(1)), "dns:///")
		}
	}
	return ""
}

func newGRPCRequest(ctx context.Context, call proxywasm.GRPCCall) (*http.Request, error) {
	if len(call.Message) > maxBody {
		return nil, fmt.Errorf("%w bytes: the message has %d, the most is %d", proxywasm.ErrTooMany, len(call.Message), maxBody)
	}
	path := "/" + call.Service + "/" + call.Method
	u, err := url.ParseRequestURI(path)
	if err != nil || call.Service == "" || call.Method == "" || strings.ContainsAny(path, "?#") {
		return nil, fmt.Errorf("%w: %q is not the service and method of a gRPC call", proxywasm.ErrBadCall, path)
	}
	header := headerOf(call.Metadata)
	for _, reserved := range []string{"Grpc-Encoding", "Grpc-Accept-Encoding", "Grpc-Status", "Grpc-Message", "Content-Encoding"} {
		header.Del(reserved)
	}
	header.Set("Content-Type", "application/grpc")
	header.Set("Te", "trailers")
	header.Set("Grpc-Accept-Encoding", grpcwire.Encodings)
	if call.Timeout > 0 {
		header.Set("Grpc-Timeout", grpcwire.FormatTimeout(min(call.Timeout, maxTimeout)))
	}
	req := &http.Request{Method: http.MethodPost, URL: u, Header: header, ContentLength: -1, Host: pseudo(call.Metadata, ":authority")}
	if !httpguts.ValidHostHeader(req.Host) {
		req.Host = "" // the endpoint's
	}
	return req.WithContext(ctx), nil
}

// grpcExchange is one call on its way.
type grpcExchange struct {
	upstream *upstream.Upstream
	request  *http.Request
	ctx      context.Context
}

// run makes the exchange and tells h what arrives; the status is left to the caller.
func (x *grpcExchange) run(h proxywasm.GRPCHandler) grpcwire.Status {
	call := x.upstream.Begin()
	defer call.End()
	res, err := call.RoundTrip(x.request)
	if err != nil {
		return x.failure(err)
	}
	defer func() { _ = res.Body.Close() }()
	// While it waits for the body of either side the transport does not look at the context.
	stop := context.AfterFunc(x.ctx, func() { _ = res.Body.Close() })
	defer stop()
	if status, ok := grpcwire.StatusOf(res.Header); ok { // headers that are trailers at the same time
		h.InitialMetadata(nil)
		h.TrailingMetadata(pairsOf(res.Header))
		return status
	}
	h.InitialMetadata(headersOf(res.StatusCode, res.Header))
	if status := grpcwire.Check(res); status != nil {
		return *status
	}
	if err := x.messages(res, h); err != nil {
		return x.failure(err)
	}
	status, ok := grpcwire.StatusOf(res.Trailer)
	if !ok {
		status = grpcwire.Status{Code: codes.Unknown, Text: "the server ended the response without a grpc-status"}
	}
	h.TrailingMetadata(pairsOf(res.Trailer))
	return status
}

func (x *grpcExchange) messages(res *http.Response, h proxywasm.GRPCHandler) error {
	reader := grpcwire.Reader{Body: res.Body, Encoding: res.Header.Get("Grpc-Encoding"), Max: maxBody}
	for {
		message, err := reader.Next()
		if err == io.EOF { //nolint:errorlint // the plain end
			return nil
		}
		if err != nil {
			return err
		}
		h.Message(message)
	}
}

// failure is the status behind an error. Where the deadline has ended the call, it is the reason whatever the error says.
func (x *grpcExchange) failure(err error) grpcwire.Status {
	if isOver(x.ctx) {
		err = context.DeadlineExceeded
	}
	return grpcwire.FromError(err)
}
