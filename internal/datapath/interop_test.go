package datapath

import (
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/status"
)

// repetitions of each case: trailers race with the end of the body when a proxy flushes wrongly.
const repetitions = 20

// ways are the ways from a gRPC client to a gRPC server.
var ways = []struct {
	name             string
	tlsIn, tlsBehind bool
	plugins          string
}{
	{name: "h2c to h2c"},
	{name: "h2 to h2c", tlsIn: true},
	{name: "h2c to h2", tlsBehind: true},
	{name: "h2 to h2", tlsIn: true, tlsBehind: true},
	{name: "h2 to h2c, with plugins", tlsIn: true, plugins: `
plugins:
  - {name: grpc-trailers, path: PLUGINS/grpc-trailers/grpc-trailers.wasm, config: x-outcome}
  - {name: header-rewrite, path: PLUGINS/header-rewrite/header-rewrite.wasm, config: "request set x-seen 1\nresponse set x-seen 2"}
`},
}

// TestGRPCInterop runs gRPC's own interoperability cases with gRPC's own client and server: all that need no credentials of a
// cloud, and that its own server in Go answers (pick_first_unary asks for a name which that server does not tell, orca_oob for
// an interval which the library does not permit). A case that fails ends the test binary with the reason: that is how these
// cases are written.
func TestGRPCInterop(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			conn := grpcThroughLoom(t, way.tlsIn, way.tlsBehind, way.plugins)
			for name, run := range interopCases(t, conn) {
				t.Run(name, func(*testing.T) {
					for range repetitions {
						run()
					}
				})
			}
			if way.plugins != "" {
				pluginsSeeTheCall(t, testgrpc.NewTestServiceClient(conn))
			}
		})
	}
}

func interopCases(t *testing.T, conn *grpc.ClientConn) map[string]func() {
	client := testgrpc.NewTestServiceClient(conn)
	ctx := t.Context()
	return map[string]func(){
		"empty_unary":                 func() { interop.DoEmptyUnaryCall(ctx, client) },
		"large_unary":                 func() { interop.DoLargeUnaryCall(ctx, client) },
		"client_streaming":            func() { interop.DoClientStreaming(ctx, client) },
		"server_streaming":            func() { interop.DoServerStreaming(ctx, client) },
		"ping_pong":                   func() { interop.DoPingPong(ctx, client) },
		"empty_stream":                func() { interop.DoEmptyStream(ctx, client) },
		"timeout_on_sleeping_server":  func() { interop.DoTimeoutOnSleepingServer(ctx, client) },
		"cancel_after_begin":          func() { interop.DoCancelAfterBegin(ctx, client) },
		"cancel_after_first_response": func() { interop.DoCancelAfterFirstResponse(ctx, client) },
		"custom_metadata":             func() { interop.DoCustomMetadata(ctx, client) },
		"status_code_and_message":     func() { interop.DoStatusCodeAndMessage(ctx, client) },
		"special_status_message":      func() { interop.DoSpecialStatusMessage(ctx, client) },
		"unimplemented_method":        func() { interop.DoUnimplementedMethod(ctx, conn) },
		"unimplemented_service":       func() { interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(conn)) },
		"orca_per_rpc":                func() { interop.DoORCAPerRPCTest(ctx, client) },
		"trailers after an answer":    func() { trailersAfterAnswer(t, client) }, // not one of gRPC's
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

func pluginsSeeTheCall(t *testing.T, client testgrpc.TestServiceClient) {
	var head, trailer metadata.MD
	if _, err := client.EmptyCall(t.Context(), &testgrpc.Empty{}, grpc.Header(&head), grpc.Trailer(&trailer)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(head.Get("x-seen"), trailer.Get("x-outcome")); got != "[2] [OK]" {
		t.Errorf("the plugins' marks are %s", got)
	}
}

// grpcThroughLoom is a connection to gRPC's test server by way of the gateway.
func grpcThroughLoom(t *testing.T, tlsIn, tlsBehind bool, plugins string) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	options, protocol := []grpc.ServerOption{orca.CallMetricsServerOption(nil)}, "protocol: grpc"
	if tlsBehind {
		cert := newCertificate(t)
		options = append(options, grpc.Creds(credentials.NewServerTLSFromCert(&cert.pair)))
		protocol = "protocol: https\n    tls: {insecure_skip_verify: true}"
	}
	server := grpc.NewServer(options...)
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	route := "routes: [{id: all, path: \"/*\", upstream: backend, timeout: 1m}]\n"
	if plugins != "" {
		folder, err := filepath.Abs("../../plugins")
		if err != nil {
			t.Fatal(err)
		}
		route = strings.Replace(route, "timeout", "plugins: [grpc-trailers, header-rewrite], timeout", 1) + strings.ReplaceAll(plugins, "PLUGINS", folder)
	}
	g := start(t, route+upstream([]string{l.Addr().String()}, protocol))
	return dialGRPC(t, g, tlsIn)
}

func dialGRPC(t *testing.T, g *gateway, secure bool) *grpc.ClientConn {
	t.Helper()
	address, with := g.plain, insecure.NewCredentials()
	if secure {
		address, with = g.secure, credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	}
	balancer := `{"loadBalancingConfig": [{"test_backend_metrics_load_balancer": {}}]}` // orca_per_rpc wants it
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(with), grpc.WithDefaultServiceConfig(balancer))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
