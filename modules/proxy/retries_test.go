package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// retrying is a gateway whose upstream has retries of its own.
func retrying(t *testing.T, engine, retries, handler, backend string) *moduletest.Caddy {
	t.Helper()
	address := strings.TrimPrefix(backend, "http://")
	config := fmt.Sprintf(`{"upstreams": {"backend": {"endpoints": [{"address": %q}], "transport": {"engine": %q}, "retries": %s}}}`, address, engine, retries)
	told := `{"handler": "headers", "response": {"deferred": true, "set": {"X-Retries": ["{http.reverse_proxy.retries}"]}}}`
	return moduletest.Provision(t, moduletest.HTTP(config, told, handler)).Start()
}

// quick are retries that do not wait for long.
const quick = `{"backoff": {"base": "1ms"}}`

// TestRetriesThroughTheGateway goes both ways of a request: Loom's own, and through Caddy's reverse_proxy.
func TestRetriesThroughTheGateway(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, upstream, route string
		want                    int
		seen                    int64
	}{
		"of the upstream":     {"PUT", quick, ``, 200, 3},
		"of the route":        {"PUT", `{"attempts": 1}`, `, "retries": {"attempts": 5, "backoff": {"base": "1ms"}}`, 200, 3},
		"too few":             {"PUT", quick, `, "retries": {"attempts": 1, "backoff": {"base": "1ms"}}`, 503, 2},
		"off for the route":   {"PUT", quick, `, "retries": {"disabled": true}`, 503, 1},
		"no POST":             {"POST", quick, ``, 503, 1},
		"a POST by its route": {"POST", quick, `, "retries": {"methods": ["POST"], "backoff": {"base": "1ms"}}`, 200, 3},
		"no wait in vain":     {"PUT", `{"backoff": {"base": "10000h"}}`, `, "timeout": "1m"`, 503, 1},
	} {
		for _, engine := range []string{"loom", "stock"} {
			t.Run(name+", "+engine, func(t *testing.T) {
				t.Parallel()
				var seen atomic.Int64
				c := retrying(t, engine, test.upstream, `{"handler": "loom_proxy", "upstream": "backend"`+test.route+`}`,
					backend(t, func(w http.ResponseWriter, r *http.Request) {
						text, _ := io.ReadAll(r.Body)
						if seen.Add(1) < 3 {
							w.WriteHeader(http.StatusServiceUnavailable)
						}
						w.Write(text)
					}))
				req, err := http.NewRequestWithContext(t.Context(), test.method, c.URL(""), io.LimitReader(strings.NewReader("some text, in chunks"), 100))
				if err != nil {
					t.Fatal(err)
				}
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				got := body(t, res)
				if res.StatusCode != test.want || seen.Load() != test.seen || got != "some text, in chunks" {
					t.Errorf("%d %q, seen %d; want %d, seen %d", res.StatusCode, got, seen.Load(), test.want, test.seen)
				}
				if told := res.Header.Get("X-Retries"); told != fmt.Sprint(test.seen-1) {
					t.Errorf("the placeholder says %q", told)
				}
			})
		}
	}
}

// TestHintsAndRetries passes the informational response of the try that counts on, once.
func TestHintsAndRetries(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"loom", "stock"} {
		var seen atomic.Int64
		c := retrying(t, engine, quick, toBackend, backend(t, func(w http.ResponseWriter, _ *http.Request) {
			if seen.Add(1) == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "ok")
		}))
		hints := 0
		req, err := http.NewRequest(http.MethodGet, c.URL(""), nil)
		if err != nil {
			t.Fatal(err)
		}
		req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(int, textproto.MIMEHeader) error { hints++; return nil },
		}))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, res); got != "ok" || hints != 1 || seen.Load() != 2 {
			t.Errorf("%s: %q after %d hints, seen %d", engine, got, hints, seen.Load())
		}
	}
}

// TestPerTryTimeout answers 504 when the last try has taken too long as well.
func TestPerTryTimeout(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"loom", "stock"} {
		var seen atomic.Int64
		c := retrying(t, engine, `{"attempts": 2, "per_try_timeout": "100ms", "backoff": {"base": "1ms"}}`, toBackend,
			backend(t, func(_ http.ResponseWriter, r *http.Request) { seen.Add(1); <-r.Context().Done() }))
		if res, _ := get(t, c.URL("")); res.StatusCode != http.StatusGatewayTimeout || seen.Load() > 3 {
			t.Errorf("%s: status %d, seen %d", engine, res.StatusCode, seen.Load())
		}
	}
}

// TestRetryMetrics has one retry of two, since the budget allows no other.
func TestRetryMetrics(t *testing.T) {
	t.Parallel()
	down := strings.TrimPrefix(backend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }), "http://")
	config := fmt.Sprintf(`{"upstreams": {"metered": {"endpoints": [{"address": %q}], "retries": %s, "retry_budget": {"percent": 100, "min_per_second": -1}}}}`, down, quick)
	c := moduletest.Provision(t, moduletest.HTTP(config, `{"handler": "loom_proxy", "upstream": "metered"}`)).Start()
	get(t, c.URL(""))
	ctx := c.Context()
	const want = `
# HELP loom_upstream_retries_refused_total Requests that were not sent again because of the retry budget.
# TYPE loom_upstream_retries_refused_total counter
loom_upstream_retries_refused_total{upstream="metered"} 1
# HELP loom_upstream_retries_total Requests that were sent again, by the reason.
# TYPE loom_upstream_retries_total counter
loom_upstream_retries_total{reason="status",upstream="metered"} 1
`
	err := testutil.GatherAndCompare(ctx.GetMetricsRegistry(), strings.NewReader(want), "loom_upstream_retries_total", "loom_upstream_retries_refused_total")
	if err != nil {
		t.Error(err)
	}
}

// TestGRPCRetries has gRPC's own server fail twice with UNAVAILABLE: its client, which does not try again by itself, gets
// the answer. A code that the policy does not name is the client's.
func TestGRPCRetries(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]codes.Code{codes.Unavailable: codes.OK, codes.Internal: codes.Internal} {
		var seen atomic.Int64
		fails := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if seen.Add(1) <= 2 {
				return nil, status.Error(code, "not now")
			}
			return handler(ctx, req)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := grpc.NewServer(grpc.UnaryInterceptor(fails))
		testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
		go server.Serve(l)
		t.Cleanup(server.Stop)
		c := moduletest.Provision(t, moduletest.HTTP(loom("grpc", l.Addr().String()),
			`{"handler": "loom_proxy", "upstream": "backend", "retries": {"on": ["unavailable"], "backoff": {"base": "1ms"}}}`)).Start()
		client := testgrpc.NewTestServiceClient(dialGRPC(t, c.Addr("")))
		res, err := client.UnaryCall(t.Context(), &testgrpc.SimpleRequest{ResponseSize: 100, Payload: &testgrpc.Payload{Body: make([]byte, 1000)}})
		if got := status.Code(err); got != want || err == nil && len(res.GetPayload().GetBody()) != 100 {
			t.Errorf("%s: %s (%v)", code, got, err)
		}
		if calls := map[codes.Code]int64{codes.OK: 3, codes.Internal: 1}[want]; seen.Load() != calls {
			t.Errorf("%s: the server has seen %d calls, want %d", code, seen.Load(), calls)
		}
	}
}
