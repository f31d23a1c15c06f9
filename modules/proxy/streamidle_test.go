package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	loomapp "github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/moduletest"
)

const soonIdle = `{"handler": "loom_proxy", "upstream": "backend", "stream_idle_timeout": "300ms"}`

// TestIdleEventStream ends a stream whose backend says nothing more. It is the backend's failure for nobody.
func TestIdleEventStream(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"loom", "stock"} {
		gone := make(chan struct{})
		address := strings.TrimPrefix(backend(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "data: x\n\n")
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			close(gone)
		}), "http://")
		config := fmt.Sprintf(`{"upstreams": {"backend": {"endpoints": [{"address": %q}], "transport": {"engine": %q}, "circuit_breaker": {"failure_threshold": 1}}}}`, address, engine)
		c := moduletest.Provision(t, moduletest.HTTP(config, soonIdle)).Start()
		res, err := http.Get(c.URL(""))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil || string(text) != "data: x\n\n" {
			t.Errorf("%s: %q, error %v: the end should be seen", engine, text, err)
		}
		within(t, "cancellation at the backend", gone)
		for _, s := range c.App("loom").(*loomapp.App).UpstreamSnapshots() {
			if e := s.Endpoints[0]; e.Breaker != "closed" || e.LastError != "" {
				t.Errorf("%s: breaker %s, last error %q", engine, e.Breaker, e.LastError)
			}
		}
		if logs := c.Logs(); !strings.Contains(logs, "nothing has moved on it") {
			t.Errorf("%s: the log does not say why", engine)
		}
	}
}

// TestIdleWebSocket ends an upgraded connection, whichever client the upstream has.
func TestIdleWebSocket(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{"http": loom("http", backend(t, echo)), "h2c": loom("h2c", h2cBackend(t, echo))} {
		c := moduletest.Provision(t, moduletest.HTTP(config, soonIdle)).Start()
		conn := dialWebSocket(t, c.URL(""))
		talk(t, conn, "hello")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if _, _, err := conn.Read(ctx); err == nil || ctx.Err() != nil {
			t.Errorf("%s: error %v, and the test's patience: %v", name, err, ctx.Err())
		}
		cancel()
	}
}

// TestIdleGRPCStream ends with gRPC's own word for it, once the stream has begun.
func TestIdleGRPCStream(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := testgrpc.NewTestServiceClient(grpcThroughLoom(t, soonIdle)).FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	req := &testgrpc.StreamingOutputCallRequest{ResponseParameters: []*testgrpc.ResponseParameters{{Size: 1}}}
	if err := stream.Send(req); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	if s := status.Convert(err); s.Code() != codes.DeadlineExceeded || !strings.Contains(s.Message(), "stream_idle_timeout") {
		t.Errorf("error = %v, want DeadlineExceeded of the gateway", err)
	}
}
