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
	c := moduletest.Provision(t, moduletest.HTTP(loom("grpc", grpcServer(t)), handler)).Start()
	return dialGRPC(t, c.Addr(""))
}

// grpcServer is gRPC's own server for its interoperability cases.
func grpcServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return l.Addr().String()
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
