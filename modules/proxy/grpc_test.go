package proxy_test

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// repetitions of each case: trailers race with the end of the body when a proxy flushes wrongly.
const repetitions = 20

// TestGRPCInterop runs gRPC's own interoperability cases with gRPC's own client and server, h2c on both sides. A case
// that fails ends the test binary with the reason: that is how these cases are written.
func TestGRPCInterop(t *testing.T) {
	t.Parallel()
	conn := grpcThroughLoom(t, `{"handler": "loom_proxy", "upstream": "backend", "timeout": "1m"}`)
	client := testgrpc.NewTestServiceClient(conn)
	ctx := t.Context()
	cases := map[string]func(){
		"empty unary":              func() { interop.DoEmptyUnaryCall(ctx, client) },
		"large unary":              func() { interop.DoLargeUnaryCall(ctx, client) },
		"client stream":            func() { interop.DoClientStreaming(ctx, client) },
		"server stream":            func() { interop.DoServerStreaming(ctx, client) },
		"ping pong":                func() { interop.DoPingPong(ctx, client) },
		"empty stream":             func() { interop.DoEmptyStream(ctx, client) },
		"timeout":                  func() { interop.DoTimeoutOnSleepingServer(ctx, client) },
		"cancel after begin":       func() { interop.DoCancelAfterBegin(ctx, client) },
		"cancel after first":       func() { interop.DoCancelAfterFirstResponse(ctx, client) },
		"custom metadata":          func() { interop.DoCustomMetadata(ctx, client) },
		"status code and message":  func() { interop.DoStatusCodeAndMessage(ctx, client) },
		"special status message":   func() { interop.DoSpecialStatusMessage(ctx, client) },
		"unimplemented method":     func() { interop.DoUnimplementedMethod(ctx, conn) },
		"unimplemented service":    func() { interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(conn)) },
		"trailers after an answer": func() { trailersAfterAnswer(t, client) },
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			for range repetitions {
				run()
			}
		})
	}
}

// trailersAfterAnswer has an error status follow messages that were already received.
func trailersAfterAnswer(t *testing.T, client testgrpc.TestServiceClient) {
	stream, err := client.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&testgrpc.StreamingOutputCallRequest{ResponseParameters: []*testgrpc.ResponseParameters{{Size: 10}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	bad := &testgrpc.StreamingOutputCallRequest{ResponseStatus: &testgrpc.EchoStatus{Code: int32(codes.DataLoss), Message: "lost"}}
	if err := stream.Send(bad); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	if s := status.Convert(err); s.Code() != codes.DataLoss || s.Message() != "lost" {
		t.Errorf("status = %v", s)
	}
}

// TestGRPCBackendDown maps a failed dial to the code that gRPC clients retry on.
func TestGRPCBackendDown(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(loom("grpc", refusing(t)), toBackend)).Start()
	client := testgrpc.NewTestServiceClient(dialGRPC(t, c.Addr("")))
	_, err := client.EmptyCall(t.Context(), &testgrpc.Empty{})
	if got := status.Code(err); got != codes.Unavailable {
		t.Errorf("code = %s (%v), want Unavailable", got, err)
	}
}

// TestGRPCTimeoutOfRoute ends a call that the backend does not answer with gRPC's own word for it.
func TestGRPCTimeoutOfRoute(t *testing.T) {
	t.Parallel()
	conn := grpcThroughLoom(t, `{"handler": "loom_proxy", "upstream": "backend", "timeout": "100ms"}`)
	stream, err := testgrpc.NewTestServiceClient(conn).FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("error = %v, want DeadlineExceeded", err)
	}
}

// TestGRPCStreamOutlivesTimeout keeps a stream that has begun past the route's timeout.
func TestGRPCStreamOutlivesTimeout(t *testing.T) {
	t.Parallel()
	conn := grpcThroughLoom(t, `{"handler": "loom_proxy", "upstream": "backend", "timeout": "300ms"}`)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stream, err := testgrpc.NewTestServiceClient(conn).FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const beyond = 600_000 // microseconds, which the server waits before it answers
	for _, wait := range []int32{0, beyond} {
		req := &testgrpc.StreamingOutputCallRequest{ResponseParameters: []*testgrpc.ResponseParameters{{Size: 1, IntervalUs: wait}}}
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatalf("answer after %d µs: %v", wait, err)
		}
	}
}

func grpcThroughLoom(t *testing.T, handler string) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
	go server.Serve(l)
	t.Cleanup(server.Stop)
	c := moduletest.Provision(t, moduletest.HTTP(loom("grpc", l.Addr().String()), handler)).Start()
	return dialGRPC(t, c.Addr(""))
}

func dialGRPC(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
