package wasmfilter_test

import (
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/tracing"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/loom-gateway/loom/internal/otlptest"
	"github.com/loom-gateway/loom/modules/moduletest"
)

const (
	clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan  = "00f067aa0ba902b7"
)

// askable is a server, for HTTP and gRPC, that remembers the traceparent of each request by its path.
func askable(t *testing.T) (address string, seen func(path string) string) {
	t.Helper()
	var parents sync.Map
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parents.Store(r.URL.Path, r.Header.Get("Traceparent"))
		if r.ProtoMajor == 2 {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "5")
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), func(path string) string {
		parent, _ := parents.Load(path)
		text, _ := parent.(string)
		return text
	}
}

// traced is a config whose tracing handler stands before plugins, which are given by name and script, in this order.
func traced(t *testing.T, backend string, settings string, plugins ...string) string {
	t.Helper()
	var defined, named []string
	for i := 0; i < len(plugins); i += 2 {
		defined = append(defined, moduletest.Quote(plugins[i])+`:{"path":`+moduletest.Quote(probePath(t))+`,"config":`+moduletest.Quote(plugins[i+1])+settings+`}`)
		named = append(named, `{"name":`+moduletest.Quote(plugins[i])+`}`)
	}
	address := `[{"address":` + moduletest.Quote(backend) + `}]`
	return moduletest.HTTP(`{"upstreams":{"auth":{"endpoints":`+address+`},"rpc":{"endpoints":`+address+`,"protocol":"grpc"}},
		"plugins":{`+strings.Join(defined, ",")+`}}`,
		`{"handler":"tracing","span":"request"}`, `{"handler":"loom_wasm","plugins":[`+strings.Join(named, ",")+`]}`, answer)
}

// ask sends a request of a client that traces, sampled or not, and closes the config, which exports the spans.
func ask(t *testing.T, config string, flags string) int {
	t.Helper()
	c := moduletest.Provision(t, config).Start()
	r, err := http.NewRequest(http.MethodGet, c.URL(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Traceparent", "00-"+clientTrace+"-"+clientSpan+"-"+flags)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	c.Close()
	return res.StatusCode
}

func script(lines ...string) string { return strings.Join(lines, "\n") }

func callScript(headers string) string {
	return script(
		`request_headers: http auth :method=GET,:path=/check,:authority=auth`+headers+`; return 1`,
		`http_call_response: effective $stream; set 0 x-user ada; continue 0`)
}

// Each plugin has a span below the request's, a call one below the plugin's, and the server that is called gets it as its parent.
func TestSpansOfPlugins(t *testing.T) {
	rec := otlptest.Receive(t)
	backend, parentOf := askable(t)
	config := traced(t, backend, "", "span-asks", callScript(""), "span-tags", script(
		`request_headers: del 0 user-agent; add 0 x-tag one; set 0 x-user eve`, `response_headers: set 2 content-type text/html; add 2 x-tag two`))
	if status := ask(t, config, "01"); status != 200 {
		t.Fatalf("status %d", status)
	}
	request := rec.Span(t, "request")
	if id := hex.EncodeToString(request.GetParentSpanId()); id != clientSpan {
		t.Errorf("the request's parent is %s", id)
	}
	asks, tags, call := rec.Span(t, "loom.plugin span-asks"), rec.Span(t, "loom.plugin span-tags"), rec.Span(t, "loom.call auth")
	for _, s := range []struct{ span, parent *otlp.Span }{{asks, request}, {tags, request}, {call, asks}} {
		if !slices.Equal(s.span.GetParentSpanId(), s.parent.GetSpanId()) || hex.EncodeToString(s.span.GetTraceId()) != clientTrace {
			t.Errorf("%s is not below %s", s.span.GetName(), s.parent.GetName())
		}
	}
	if got, want := parentOf("/check"), "00-"+clientTrace+"-"+hex.EncodeToString(call.GetSpanId())+"-01"; got != want {
		t.Errorf("the server was sent traceparent %q, want %q", got, want)
	}
	has(t, asks, map[string]string{
		"loom.plugin": "span-asks", "loom.verdict": "pause", "loom.request_headers.added": "x-user",
		"loom.phase.on_request_headers.us": "", "loom.phase.on_http_call_response.us": "", "loom.guest.us": "", "loom.hostcalls": "",
	})
	has(t, tags, map[string]string{
		"loom.verdict": "continue", "loom.request_headers.added": "x-tag", "loom.request_headers.replaced": "x-user",
		"loom.request_headers.removed": "user-agent", "loom.response_headers.added": "x-tag", "loom.response_headers.replaced": "content-type",
		"loom.phase.on_response_headers.us": "",
	})
	has(t, call, map[string]string{"loom.plugin": "span-asks", "loom.call.kind": "http", "loom.call.upstream": "auth", "loom.call.status": "202"})
	if call.GetKind() != otlp.Span_SPAN_KIND_CLIENT {
		t.Errorf("the call is of kind %s", call.GetKind())
	}
}

// has compares attributes; an empty text stands for any value.
func has(t *testing.T, s *otlp.Span, want map[string]string) {
	t.Helper()
	got := otlptest.Attributes(s)
	for name, value := range want {
		if text, ok := got[name]; !ok || (value != "" && !sameWords(text, value)) {
			t.Errorf("%s: %s = %q, want %q in %v", s.GetName(), name, text, value, got)
		}
	}
}

func sameWords(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// A call of gRPC is traced as one of HTTP is, and ends with gRPC's status.
func TestSpanOfAGRPCCall(t *testing.T) {
	rec := otlptest.Receive(t)
	backend, parentOf := askable(t)
	ask(t, traced(t, backend, "", "span-rpc", script(`request_headers: grpc rpc shop.Users Get hello; return 1`,
		`grpc_close: effective $stream; continue 0`)), "01")
	call := rec.Span(t, "loom.call rpc")
	if got, want := parentOf("/shop.Users/Get"), "00-"+clientTrace+"-"+hex.EncodeToString(call.GetSpanId())+"-01"; got != want {
		t.Errorf("the server was sent traceparent %q, want %q", got, want)
	}
	has(t, call, map[string]string{"loom.call.kind": "grpc", "loom.call.status": "5"})
	if call.GetStatus().GetCode() != otlp.Status_STATUS_CODE_ERROR {
		t.Errorf("the span's status is %v", call.GetStatus())
	}
}

// A traceparent that the plugin has set itself goes out as it is.
func TestOwnTraceparentStays(t *testing.T) {
	rec := otlptest.Receive(t)
	backend, parentOf := askable(t)
	own := "00-11111111111111111111111111111111-2222222222222222-01"
	ask(t, traced(t, backend, "", "span-own", callScript(",Traceparent="+own)), "01")
	if got := parentOf("/check"); got != own {
		t.Errorf("the server was sent traceparent %q", got)
	}
	rec.Span(t, "loom.call auth")
}

// A request that is not sampled has no spans, and its calls no traceparent.
func TestNoSpansWithoutSampling(t *testing.T) {
	rec := otlptest.Receive(t)
	backend, parentOf := askable(t)
	if status := ask(t, traced(t, backend, "", "span-none", callScript("")), "00"); status != 200 {
		t.Fatalf("status %d", status)
	}
	if rec.Count() > 0 || parentOf("/check") != "" {
		t.Errorf("%d spans, traceparent %q", rec.Count(), parentOf("/check"))
	}
}

// The span of a plugin that failed says so, whatever its failure policy makes of the request.
func TestSpansOfFailures(t *testing.T) {
	for _, test := range []struct {
		name, settings, script, verdict, attribute string
		status                                     int
	}{
		{"closed", `,"failure_policy":"closed"`, `request_headers: trap`, "fail", "", 503},
		{"open", `,"failure_policy":"open"`, `request_headers: trap`, "skip", "", 200},
		{"paused", `,"limits":{"pause_timeout":"10ms"}`, `request_headers: return 1`, "fail", "pause_timeout", 504},
	} {
		t.Run(test.name, func(t *testing.T) {
			rec := otlptest.Receive(t)
			if status := ask(t, traced(t, "127.0.0.1:1", test.settings, "span-"+test.name, test.script), "01"); status != test.status {
				t.Errorf("status %d", status)
			}
			span := rec.Span(t, "loom.plugin span-"+test.name)
			has(t, span, map[string]string{"loom.verdict": test.verdict})
			if got := otlptest.Attributes(span)["loom.limit"]; got != test.attribute {
				t.Errorf("loom.limit = %q", got)
			}
			if span.GetStatus().GetCode() != otlp.Status_STATUS_CODE_ERROR || span.GetStatus().GetMessage() == "" {
				t.Errorf("the span's status is %v", span.GetStatus())
			}
		})
	}
}

// An answer of the plugin's own is no failure.
func TestSpanOfALocalReply(t *testing.T) {
	rec := otlptest.Receive(t)
	if status := ask(t, traced(t, "127.0.0.1:1", "", "span-reply", `request_headers: reply 418 short; return 1`), "01"); status != 418 {
		t.Errorf("status %d", status)
	}
	span := rec.Span(t, "loom.plugin span-reply")
	has(t, span, map[string]string{"loom.verdict": "local_reply", "loom.local_reply.status": "418"})
	if span.GetStatus().GetCode() != otlp.Status_STATUS_CODE_UNSET {
		t.Errorf("the span's status is %v", span.GetStatus())
	}
}
