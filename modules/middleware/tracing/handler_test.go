package tracing_test

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/loom-gateway/loom/internal/otlptest"
	_ "github.com/loom-gateway/loom/modules/gateway"
	_ "github.com/loom-gateway/loom/modules/middleware/recovery"
	_ "github.com/loom-gateway/loom/modules/middleware/requestid"
	_ "github.com/loom-gateway/loom/modules/middleware/tracing"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/proxy"
	_ "github.com/loom-gateway/loom/modules/router"
)

// The tests share the process's exporter, so they are not parallel.

const (
	clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan  = "00f067aa0ba902b7"
)

// ask sends a request of a client that traces through a gateway to the backends, and closes that, which exports the spans.
func ask(t *testing.T, path, flags, upstream string) *http.Response {
	t.Helper()
	c := moduletest.Provision(t, moduletest.HTTP(`{"upstreams":{"shop":`+upstream+`}}`,
		`{"handler":"loom_router","middleware":[{"handler":"loom_request_id"},{"handler":"loom_tracing","attributes":{"tenant":"{http.request.header.X-Tenant}"}}],
			"routes":[{"id":"all","paths":["/shop/*"],"handle":[{"handler":"loom_proxy","upstream":"shop"}]}]}`)).Start()
	defer c.Close()
	r, err := http.NewRequest(http.MethodGet, c.URL("")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Traceparent", "00-"+clientTrace+"-"+clientSpan+"-"+flags)
	r.Header.Set("Tracestate", "vendor=1")
	r.Header.Set("X-Tenant", "acme")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res
}

// backend answers with a status, and remembers the trace context that it got.
func backend(t *testing.T, status int) (address string, seen *http.Header) {
	t.Helper()
	seen = new(http.Header)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = r.Header.Clone()
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), seen
}

// deaf is an address at which nobody listens.
func deaf(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func endpoints(addresses ...string) string {
	var list []string
	for _, a := range addresses {
		list = append(list, `{"address":"`+a+`"}`)
	}
	return `{"endpoints":[` + strings.Join(list, ",") + `]}`
}

func has(t *testing.T, s *otlp.Span, want map[string]string) {
	t.Helper()
	got := otlptest.Attributes(s)
	for name, value := range want {
		if got[name] != value {
			t.Errorf("span %q: %s is %q, want %q", s.GetName(), name, got[name], value)
		}
	}
}

// The trace goes from the client over the request and its try to the backend.
func TestTraceToTheBackend(t *testing.T) {
	rec := otlptest.Receive(t)
	address, seen := backend(t, http.StatusAccepted)
	res := ask(t, "/shop/1", "01", endpoints(address))
	request, try := rec.Span(t, "GET all"), rec.Span(t, "loom.try shop")
	if got := hex.EncodeToString(request.GetTraceId()) + hex.EncodeToString(request.GetParentSpanId()); got != clientTrace+clientSpan {
		t.Errorf("the request is below %s", got)
	}
	if string(try.GetParentSpanId()) != string(request.GetSpanId()) || try.GetKind() != otlp.Span_SPAN_KIND_CLIENT {
		t.Errorf("the try is below %x, of kind %s", try.GetParentSpanId(), try.GetKind())
	}
	if got, want := seen.Get("Traceparent"), fmt.Sprintf("00-%s-%x-01", clientTrace, try.GetSpanId()); got != want || seen.Get("Tracestate") != "vendor=1" {
		t.Errorf("the backend got traceparent %q, tracestate %q; want %q", got, seen.Get("Tracestate"), want)
	}
	has(t, request, map[string]string{"loom.route": "all", "tenant": "acme", "loom.request_id": res.Header.Get("X-Request-Id"), "http.response.status_code": "202"})
	has(t, try, map[string]string{"loom.upstream": "shop", "loom.endpoint": address, "loom.attempt": "1", "http.response.status_code": "202"})
}

// Each endpoint that is tried has a span, with what became of it.
func TestSpansOfTries(t *testing.T) {
	rec := otlptest.Receive(t)
	broken, _ := backend(t, http.StatusServiceUnavailable)
	// By its weight the deaf one is tried first.
	upstream := `{"load_balancer":"weighted","endpoints":[{"address":"` + deaf(t) + `","weight":1000},{"address":"` + broken + `","weight":1}]}`
	if res := ask(t, "/shop/1", "01", upstream); res.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("status %d", res.StatusCode)
	}
	tries := rec.Spans("loom.try shop")
	if len(tries) != 2 {
		t.Fatalf("%d tries", len(tries))
	}
	refused := 0
	for _, s := range tries {
		if s.GetStatus().GetCode() != otlp.Status_STATUS_CODE_ERROR {
			t.Errorf("a try has status %s", s.GetStatus())
		}
		if strings.Contains(s.GetStatus().GetMessage(), "refused") {
			refused++
		} else {
			has(t, s, map[string]string{"http.response.status_code": "503", "loom.endpoint": broken})
		}
	}
	if refused == 0 {
		t.Error("no try says that the connection was refused")
	}
}

// The gateway's own errors are errors in the trace, too.
func TestSpansOfErrors(t *testing.T) {
	rec := otlptest.Receive(t)
	if res := ask(t, "/shop/1", "01", endpoints(deaf(t))); res.StatusCode != http.StatusBadGateway {
		t.Fatalf("status %d", res.StatusCode)
	}
	if res := ask(t, "/nowhere", "01", endpoints(deaf(t))); res.StatusCode != http.StatusNotFound {
		t.Fatalf("status %d", res.StatusCode)
	}
	failed, missing := rec.Span(t, "GET all"), rec.Span(t, "GET ")
	has(t, failed, map[string]string{"http.response.status_code": "502"})
	has(t, missing, map[string]string{"http.response.status_code": "404"})
	if failed.GetStatus().GetCode() != otlp.Status_STATUS_CODE_ERROR || missing.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR {
		t.Errorf("502 is %s, 404 is %s", failed.GetStatus(), missing.GetStatus())
	}
}

// A client that does not sample costs nobody a span, and its trace goes on at the backend.
func TestNotSampled(t *testing.T) {
	rec := otlptest.Receive(t)
	address, seen := backend(t, http.StatusOK)
	ask(t, "/shop/1", "00", endpoints(address))
	if n := rec.Count(); n > 0 {
		t.Errorf("%d spans", n)
	}
	if got := seen.Get("Traceparent"); !strings.HasPrefix(got, "00-"+clientTrace+"-") || !strings.HasSuffix(got, "-00") {
		t.Errorf("the backend got traceparent %q", got)
	}
}
