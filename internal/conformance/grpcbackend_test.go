package conformance

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // lets servers compress
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/loom-gateway/loom/internal/upstream"
)

// bytesCodec lets a gRPC server work on messages as they are on the wire.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// grpcCallee is one call as a server of grpc-go sees it.
type grpcCallee struct {
	grpc.ServerStream
	method   string
	metadata metadata.MD
}

// receive takes a message; ok is false at the end of the client's.
func (c *grpcCallee) receive() (message string, ok bool) {
	var data []byte
	err := c.RecvMsg(&data)
	return string(data), err == nil
}

func (c *grpcCallee) send(message string) error {
	data := []byte(message)
	return c.SendMsg(&data)
}

// grpcServer runs a server of grpc-go whose calls all go to handle.
func grpcServer(t *testing.T, handle func(c *grpcCallee) error) upstream.Settings {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(bytesCodec{}), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(s)
		md, _ := metadata.FromIncomingContext(s.Context())
		return handle(&grpcCallee{ServerStream: s, method: method, metadata: md})
	}))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	settings := at(l.Addr().String())
	settings.Protocol = upstream.GRPC
	return settings
}

// grpcEcho answers a unary call with what it got.
func grpcEcho(c *grpcCallee) error {
	message, _ := c.receive()
	return c.send(c.method + " " + message)
}

// h2cServer runs a plain HTTP/2 server, for answers that no gRPC server would give.
func h2cServer(t *testing.T, handle http.HandlerFunc) upstream.Settings {
	t.Helper()
	s := httptest.NewUnstartedServer(handle)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	settings := at(s.URL)
	settings.Protocol = upstream.GRPC
	return settings
}

// untilGone waits for the client to end a call.
func untilGone(ctx context.Context) error {
	<-ctx.Done()
	return status.FromContextError(ctx.Err()).Err()
}

func denied(*grpcCallee) error { return status.Error(codes.PermissionDenied, "no entry") }
