package ratelimit_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/proxy"
)

// gRPC's own client sees RESOURCE_EXHAUSTED, for unary calls and for streams, and when it may come again.
func TestGRPCIsResourceExhausted(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(`{}`,
		limiter(`"name": "grpc", "limits": [{"rate": 1, "per": "1h"}], "key": ["header:who"], "on_missing_key": "deny"`),
		`{"handler": "static_response", "status_code": 404}`)).Start()
	conn, err := grpc.NewClient(c.Addr(""), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client := testgrpc.NewTestServiceClient(conn)
	unary := func(ctx context.Context, trailer *metadata.MD) error {
		_, err := client.EmptyCall(ctx, &testgrpc.Empty{}, grpc.Trailer(trailer))
		return err
	}
	stream := func(ctx context.Context, trailer *metadata.MD) error {
		s, err := client.FullDuplexCall(ctx)
		if err != nil {
			return err
		}
		_, err = s.Recv()
		*trailer = s.Trailer()
		return err
	}
	me := metadata.AppendToOutgoingContext(t.Context(), "who", "me")
	for i, tc := range []struct {
		ctx  context.Context
		call func(context.Context, *metadata.MD) error
		want codes.Code
		wait bool
	}{
		{me, unary, codes.Unimplemented, false}, // the 404 behind the limit
		{me, unary, codes.ResourceExhausted, true},
		{me, stream, codes.ResourceExhausted, true},
		{t.Context(), unary, codes.InvalidArgument, false},
	} {
		var trailer metadata.MD
		err := tc.call(tc.ctx, &trailer)
		if status.Code(err) != tc.want {
			t.Errorf("call %d: %v, want %s", i+1, err, tc.want)
		}
		if wait := trailer.Get("grpc-retry-pushback-ms"); (len(wait) == 1) != tc.wait {
			t.Errorf("call %d: pushback %q", i+1, wait)
		}
	}
}

// What a backend says of limits of its own does not reach clients beside what the gateway says.
func TestFieldsOfTheBackend(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("RateLimit-Limit", "backend")
		w.Header().Set("Trailer", "X-End")
		_, _ = w.Write(bytes.Repeat([]byte("x"), 100_000))
		w.Header().Set("X-End", "yes")
	}))
	defer backend.Close()
	gateway := func(headers string) string {
		return moduletest.HTTP(`{"upstreams": {"backend": {"endpoints": [{"address": "`+backend.Listener.Addr().String()+`"}]}}}`,
			limiter(`"name": "fields`+headers+`", "limits": [{"rate": 5}], "headers": "`+headers+`"`), `{"handler": "loom_proxy", "upstream": "backend"}`)
	}
	for headers, want := range map[string]string{"trio": "5", "off": "backend"} {
		c := moduletest.Provision(t, gateway(headers)).Start()
		client := http.Client{Timeout: 30 * time.Second}
		res, err := client.Get(c.URL(""))
		if err != nil {
			t.Fatal(err)
		}
		n, err := new(bytes.Buffer).ReadFrom(res.Body)
		_ = res.Body.Close()
		if got := res.Header.Values("RateLimit-Limit"); len(got) != 1 || got[0] != want {
			t.Errorf("headers %s: RateLimit-Limit %q, want %q", headers, got, want)
		}
		if n != 100_000 || err != nil || res.Trailer.Get("X-End") != "yes" {
			t.Errorf("headers %s: %d bytes, %v, trailer %v", headers, n, err, res.Trailer)
		}
	}
}
