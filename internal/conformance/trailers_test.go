package conformance

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/modules/moduletest"
)

func trailers(s *suite) {
	s.check("T-01", 1, "request trailers: the last body callback does not end the request, then on_request_trailers has them", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_trailers: pairs 1; get 1 x-sum")}})
		g.do(t, "POST", "/", chunked("abc"), http.TrailerPrefix+"X-Sum", "7")
		g.wantEnd(t, "> request_body", 0)
		g.want(t, "> request_trailers ctx=2 1", `  pairs 1 -> 0 1 x-sum="7"`, `  get 1 x-sum -> 0 "7"`)
	})
	s.check("T-02", 1, "response trailers likewise, of a gRPC call with each shape of stream", grpcTrailers)
	s.check("T-03", 1, "changed, added and removed trailers reach the peer: the backend (h1, h2, h2c) and the client (h3 too)", changedTrailers)
	s.check("T-04", 2, "trailers can be added in the body callback that ends a message which has none", addedTrailers)
	s.check("T-05", 2, "a message without trailers has no trailers callback", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("")}})
		g.do(t, "POST", "/", chunked("abc"))
		g.do(t, "POST", "/", strings.NewReader("abc"))
		g.wantEnd(t, "> request_body", 1)
		g.wantEnd(t, "> response_body", 1)
		g.wantNot(t, "> request_trailers", "> response_trailers")
	})
	s.check("T-06", 2, "a pause in a trailers callback holds the trailers, and what is held with them, until the plugin continues", pausedTrailers)
	s.check("T-07", 1, "a gRPC call keeps grpc-status and grpc-message when the plugin has no trailers callbacks", func(t *testing.T) {
		for _, phase := range []string{"on_request_headers", "on_response_headers", "on_response_body", "on_request_body"} {
			grpcStatus(t, grpcOverCaddy(t, "", `"phase": "`+phase+`"`))
		}
	})
}

// withTrailers is a backend that answers with the trailers it got, and with one that it announces and one that it does not.
func withTrailers(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Trailer", "X-Announced")
	_, _ = io.WriteString(w, "sum="+r.Trailer.Get("X-Sum")+" more="+r.Trailer.Get("X-More")+" gone="+r.Trailer.Get("X-Gone"))
	w.Header().Set("X-Announced", "1")
	w.Header().Set(http.TrailerPrefix+"X-Sudden", "2")
}

func changedTrailers(t *testing.T) {
	script := lines(
		"request_trailers: set 1 x-sum new; add 1 x-more added; del 1 x-gone; add 1 content-length 1",
		"response_trailers: set 3 x-announced changed; del 3 x-sudden; add 3 x-more added; add 3 transfer-encoding chunked",
	)
	for _, c := range overCaddy(t, script, withTrailers) {
		a := c.do(t, "POST", "/", chunked("abc"), http.TrailerPrefix+"X-Sum", "old", http.TrailerPrefix+"X-Gone", "1", "Te", "trailers")
		// Caddy hands out copies of a request, and over HTTP/3 only the original gets trailers.
		if a.body != "sum=new more=added gone=" && c.name != "h3" {
			t.Errorf("%s: the backend answers %q", c.name, a.body)
		}
		if a.trailer.Get("X-Announced") != "changed" || a.trailer.Get("X-More") != "added" || a.trailer.Get("X-Sudden") != "" ||
			a.trailer.Get("Transfer-Encoding") != "" {
			t.Errorf("%s: trailers %v", c.name, a.trailer)
		}
	}
}

func addedTrailers(t *testing.T) {
	scripts := map[string]string{
		"held":     lines(whole("request", "add 1 x-sum late"), whole("response", "add 3 x-late 1")),
		"streamed": lines("request_body@eos: add 1 x-sum late", "response_body@eos: add 3 x-late 1"),
	}
	for name, script := range scripts {
		for _, c := range overCaddy(t, script, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, "sum="+r.Trailer.Get("X-Sum"))
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, " end")
		}) {
			for framing, body := range map[string]io.Reader{"length": strings.NewReader("abc"), "chunks": chunked("abc")} {
				a := c.do(t, "POST", "/", body)
				if a.body != "sum=late end" || a.trailer.Get("X-Late") != "1" {
					t.Errorf("%s, %s, %s: %q, trailers %v", c.name, name, framing, a.body, a.trailer)
				}
			}
		}
	}
}

func pausedTrailers(t *testing.T) {
	script := lines(
		"request_body: return 1", "request_trailers: tick 10; return 1",
		"response_body: return 1", "response_trailers: tick 10; return 1",
		`tick: effective $stream; add 1 x-more held; continue 0; add 3 x-late held; continue 1; tick 0`,
	)
	g := serve(t, setup{plugins: []plugin.Spec{probe(script)}, backend: withTrailers})
	a := g.do(t, "POST", "/", chunked("abc"), http.TrailerPrefix+"X-Sum", "7")
	if a.body != "sum=7 more=held gone=" || a.trailer.Get("X-Late") != "held" || a.trailer.Get("X-Announced") != "1" {
		t.Errorf("%q, trailers %v", a.body, a.trailer)
	}
	forgotten := serve(t, setup{plugins: []plugin.Spec{probe("response_trailers: return 1", func(s *plugin.Spec) {
		s.PauseTimeout = 50 * time.Millisecond
	})}, backend: withTrailers})
	if a, err := forgotten.try("GET", "/", nil); err == nil && a.trailer.Get("X-Announced") != "" {
		t.Errorf("held trailers went out: %v", a.trailer)
	}
}

// grpcOverCaddy calls gRPC's own test server through Loom, with more settings for the probe as JSON.
func grpcOverCaddy(t *testing.T, script string, settings ...string) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	config := caddyConfig(t, script, l.Addr().String(), "grpc")
	for _, setting := range settings {
		config = strings.Replace(config, `"instances": 1`, `"instances": 1, `+setting, 1)
	}
	c := moduletest.Provision(t, config).Start()
	conn, err := grpc.NewClient(c.Addr("plain"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// grpcStatus asks for a status with a message and fails unless exactly that comes.
func grpcStatus(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	bad := &testgrpc.EchoStatus{Code: int32(codes.DataLoss), Message: "lost on the way"}
	_, err := testgrpc.NewTestServiceClient(conn).UnaryCall(t.Context(), &testgrpc.SimpleRequest{ResponseStatus: bad})
	if s := status.Convert(err); s.Code() != codes.DataLoss || s.Message() != bad.Message {
		t.Errorf("status %v", s)
	}
}

// grpcTrailers runs gRPC's own interoperability cases through a plugin that has every callback and adds a trailer. A case
// that fails ends the test binary with the reason: that is how these cases are written.
func grpcTrailers(t *testing.T) {
	conn := grpcOverCaddy(t, lines("request_body: buf 0 0 5", "response_body: buf 1 0 5", "response_trailers: get 3 grpc-status; add 3 x-late 1"))
	client := testgrpc.NewTestServiceClient(conn)
	ctx := t.Context()
	for _, run := range []func(){
		func() { interop.DoEmptyUnaryCall(ctx, client) },
		func() { interop.DoLargeUnaryCall(ctx, client) },
		func() { interop.DoClientStreaming(ctx, client) },
		func() { interop.DoServerStreaming(ctx, client) },
		func() { interop.DoPingPong(ctx, client) },
		func() { interop.DoEmptyStream(ctx, client) },
		func() { interop.DoCancelAfterBegin(ctx, client) },
		func() { interop.DoCancelAfterFirstResponse(ctx, client) },
		func() { interop.DoCustomMetadata(ctx, client) },
		func() { interop.DoStatusCodeAndMessage(ctx, client) },
		func() { interop.DoSpecialStatusMessage(ctx, client) },
		func() { interop.DoUnimplementedMethod(ctx, conn) },
	} {
		for range 5 { // trailers race with the end of the body where a proxy flushes wrongly
			run()
		}
	}
	grpcStatus(t, conn)
	stream, err := client.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(&testgrpc.StreamingOutputCallRequest{ResponseParameters: []*testgrpc.ResponseParameters{{Size: 1}}})
	_, _ = stream.Recv()
	_ = stream.CloseSend()
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) || len(stream.Trailer().Get("x-late")) != 1 {
		t.Errorf("%v, trailers %v", err, stream.Trailer())
	}
}
