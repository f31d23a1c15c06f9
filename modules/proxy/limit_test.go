package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// A request that meets a full queue hears when it may come again, with both engines and all ways through the proxy.
func TestAFullQueueAnswers503(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"loom", "stock"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			held, release := make(chan struct{}), make(chan struct{})
			url := backend(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/held" {
					close(held)
					<-release
				}
				io.WriteString(w, "served")
			})
			config := fmt.Sprintf(`{"upstreams": {"limited %s": {
				"endpoints": [{"address": %q}], "transport": {"engine": %[1]q}, "connection_pool": {"max_per_endpoint": 1, "max_waiting": -1}}}}`,
				engine, strings.TrimPrefix(url, "http://"))
			c := moduletest.Provision(t, moduletest.HTTP(config, `{"handler": "loom_proxy", "upstream": "limited `+engine+`"}`)).Start()
			first := make(chan string)
			go func() {
				_, text := get(t, c.URL("")+"/held")
				first <- text
			}()
			within(t, "the first request", held)
			for name, header := range map[string]http.Header{"plain": {}, "upgrade": {"Connection": {"upgrade"}, "Upgrade": {"echo"}}} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL("")+"/next", strings.NewReader("not sent"))
				if err != nil {
					t.Fatal(err)
				}
				req.Header = header
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if body(t, res); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "1" {
					t.Errorf("%s: status %d, Retry-After %q", name, res.StatusCode, res.Header.Get("Retry-After"))
				}
			}
			close(release)
			if text := within(t, "the first answer", first); text != "served" {
				t.Errorf("the first one got %q", text)
			}
			if res, text := get(t, c.URL("")+"/next"); text != "served" || res.Header.Get("Retry-After") != "" {
				t.Errorf("afterwards: %d %q", res.StatusCode, text)
			}
			if log := c.Logs(); !strings.Contains(log, "the limit of requests is reached: 1 at a time, and 0 wait") {
				t.Errorf("the log does not say why:\n%s", log)
			}
		})
	}
}

// A gRPC call hears UNAVAILABLE, and a stream counts as long as it is open.
func TestAFullQueueIsUnavailableForGRPC(t *testing.T) {
	t.Parallel()
	config := fmt.Sprintf(`{"upstreams": {"limited calls": {"protocol": "grpc", "endpoints": [{"address": %q}],
		"connection_pool": {"max_requests_per_endpoint": 1, "max_waiting": -1}}}}`, grpcServer(t))
	c := moduletest.Provision(t, moduletest.HTTP(config, `{"handler": "loom_proxy", "upstream": "limited calls"}`)).Start()
	client := testgrpc.NewTestServiceClient(dialGRPC(t, c.Addr("")))
	stream, err := client.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&testgrpc.StreamingOutputCallRequest{ResponseParameters: []*testgrpc.ResponseParameters{{Size: 1}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	_, err = client.EmptyCall(t.Context(), &testgrpc.Empty{})
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "limit of requests") {
		t.Errorf("beside a stream: %v", err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	ends := time.Now().Add(10 * time.Second)
	for err != nil && time.Now().Before(ends) { // until the gateway has seen the end of the stream
		_, err = client.EmptyCall(t.Context(), &testgrpc.Empty{})
	}
	if err != nil {
		t.Errorf("behind it: %v", err)
	}
}
