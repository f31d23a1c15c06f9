package plugins_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/modules/moduletest"

	_ "github.com/loom-gateway/loom/modules/proxy"
	_ "github.com/loom-gateway/loom/modules/wasmfilter"
)

func TestGRPCTrailers(t *testing.T) {
	t.Parallel()
	eachBuild(t, "grpc-trailers", testGRPCTrailers)
}

// pluginName is another in each test: all gateways of a process count the metrics of plugins with the same name as one.
func pluginName(t *testing.T) string { return strings.ReplaceAll(t.Name(), "/", "-") }

// gateway is a whole gateway with the plugin in front of an upstream.
func gateway(t *testing.T, code []byte, config, upstreams string) *moduletest.Caddy {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plugin.wasm")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		t.Fatal(err)
	}
	name := moduletest.Quote(pluginName(t))
	loom := `{"plugins": {` + name + `: {"path": ` + moduletest.Quote(file) + `, "config": ` + moduletest.Quote(config) +
		`, "limits": {"call_timeout": "1m"}}}, "upstreams": ` + upstreams + `}`
	return moduletest.Provision(t, moduletest.HTTP(loom, `{"handler": "loom_wasm", "plugins": [{"name": `+name+`}]}`,
		`{"handler": "loom_proxy", "upstream": "backend"}`)).Start()
}

func testGRPCTrailers(t *testing.T, code []byte) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
	go server.Serve(l)
	defer server.Stop()
	c := gateway(t, code, "x-outcome", `{"backend": {"protocol": "grpc", "endpoints": [{"address": "`+l.Addr().String()+`"}]}}`)
	defer c.Close()
	conn, err := grpc.NewClient(c.Addr(""), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := testgrpc.NewTestServiceClient(conn)

	unary := func(code codes.Code, message string) (metadata.MD, error) {
		var header, trailer metadata.MD
		request := &testgrpc.SimpleRequest{ResponseStatus: &testgrpc.EchoStatus{Code: int32(code), Message: message}}
		_, err := client.UnaryCall(t.Context(), request, grpc.Trailer(&trailer), grpc.Header(&header))
		return metadata.Join(header, trailer), err
	}
	for code, name := range map[codes.Code]string{codes.OK: "OK", codes.NotFound: "NOT_FOUND", codes.DataLoss: "DATA_LOSS", codes.Code(99): "OTHER"} {
		md, err := unary(code, "because")
		if got := md.Get("x-outcome"); len(got) != 1 || got[0] != name {
			t.Errorf("%v: the client saw x-outcome %q, want %s", code, got, name)
		}
		if s := status.Convert(err); s.Code() != code || (code != codes.OK && s.Message() != "because") {
			t.Errorf("the status is %v, want %v", s, code)
		}
	}

	// A status that follows messages is in real trailers.
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
	_ = stream.Send(&testgrpc.StreamingOutputCallRequest{ResponseStatus: &testgrpc.EchoStatus{Code: int32(codes.NotFound), Message: "gone"}})
	_, err = stream.Recv()
	if got := stream.Trailer().Get("x-outcome"); status.Code(err) != codes.NotFound || len(got) != 1 || got[0] != "NOT_FOUND" {
		t.Errorf("the stream ended with %v and x-outcome %q", err, got)
	}

	ctx := c.Context()
	for name, want := range map[string]string{"ok": "1", "not_found": "2", "data_loss": "1", "other": "1", "internal": "0"} {
		metric := "loom_guest_grpc_responses_" + name + "_total"
		text := "# HELP " + metric + " Defined by a Proxy-Wasm plugin.\n# TYPE " + metric + " counter\n" +
			metric + `{name="grpc_responses_` + name + `",plugin="` + pluginName(t) + `"} ` + want + "\n"
		if err := testutil.GatherAndCompare(ctx.GetMetricsRegistry(), strings.NewReader(text), metric); err != nil {
			t.Error(err)
		}
	}
	if logs := c.Logs(); !strings.Contains(logs, "grpc-trailers: a call ended with NOT_FOUND: gone") {
		t.Error("the log does not name the failed call:", logs)
	}
	refusesMistakes(t, plugin.Spec{Name: "grpc-trailers", Code: code}, map[string]string{
		"x outcome": `grpc-trailers: line 1: "x outcome": the name of a trailer has letters`,
	})
}
