package conformance

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/upstream"
)

// goPlugins: the examples of the Go SDK are modules that the Go proxy does not serve, and its own zip leaves them out. The
// guest in testdata/gosdk does on the SDK what they do; of the network example, callbacks for TCP are refused.
func goPlugins(s *suite) {
	s.check("Y-02", 1, "Guests of the Go SDK do what each of its HTTP examples does (written anew: the examples are no fetchable modules)",
		func(t *testing.T) {
			code := guestbuild.Go(t, "testdata/gosdk")
			t.Run("headers and bodies", func(t *testing.T) { goMessages(t, code) })
			t.Run("calls", func(t *testing.T) { goCalls(t, code) })
			t.Run("ticks", func(t *testing.T) { goTicks(t, code) })
			t.Run("shared", func(t *testing.T) { goShared(t, code) })
			t.Run("configuration, properties, metrics", func(t *testing.T) { goLookups(t, code) })
		})
	coraza(s)
	s.leftOut("Y-08", 1, "Kong's filters run (echo, rate limiting)",
		"they are published as repositories only: no package registry has them, and the Go one declares the path of another module")
}

func goExample(code []byte, config string, change ...func(*plugin.Spec)) plugin.Spec {
	spec := plugin.Spec{Name: "gosdk", Code: code, Config: config, Instances: 1}
	for _, c := range change {
		c(&spec)
	}
	return spec
}

// goGateway serves one example.
func goGateway(t *testing.T, code []byte, config string, upstreams map[string]upstream.Settings) *gateway {
	t.Helper()
	return serve(t, setup{plugins: []plugin.Spec{goExample(code, config)}, upstreams: upstreams})
}

// says waits for a line in the log.
func (g *gateway) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, text+" in the log", func() bool { return g.logs.FilterMessageSnippet(text).Len() > 0 })
}

func goMessages(t *testing.T, code []byte) {
	g := goGateway(t, code, "http_headers changed", nil)
	a := g.do(t, http.MethodGet, "/p", nil, "X-A", "old")
	if !strings.Contains(a.body, `x-a=["replaced"]`) || a.header.Get("X-Backend") != "changed" || a.header.Get("X-Proxy-Wasm-Go-Sdk-Example") == "" {
		t.Errorf("http_headers: %v %q", a.header, a.body)
	}
	g.says(t, "stream done: http_headers")

	g = goGateway(t, code, "http_body", nil)
	for operation, want := range map[string]string{
		"append": "body=[body][this is append]", "prepend": "body=[this is prepend][body]", "replace": "body=[this is replace]",
	} {
		if a := g.do(t, http.MethodPost, "/", strings.NewReader("[body]"), "X-Operation", operation); !strings.HasSuffix(a.body, want) {
			t.Errorf("http_body: %q, want %q", a.body, want)
		}
	}

	for config, bad := range map[string]string{"json_validation": "invalid payload", "http_body_chunk": "pattern found"} {
		g = goGateway(t, code, config, nil)
		if a := g.do(t, http.MethodPost, "/", strings.NewReader(`{"a":1}`)); a.status != http.StatusOK || !strings.HasSuffix(a.body, `body={"a":1}`) {
			t.Errorf("%s: %d %q", config, a.status, a.body)
		}
		if a := g.do(t, http.MethodPost, "/", strings.NewReader("pattern")); a.status < 400 || a.body != bad {
			t.Errorf("%s: %d %q", config, a.status, a.body)
		}
	}

	g = goGateway(t, code, "http_routing", nil)
	if a := g.do(t, http.MethodGet, "/p", nil); !strings.HasPrefix(a.body, "GET /canary host=canary.test ") {
		t.Errorf("http_routing: %q", a.body)
	}
}

func goCalls(t *testing.T, code []byte) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/no" {
			_, _ = io.WriteString(w, "yes")
		}
	}))
	t.Cleanup(service.Close)
	upstreams := map[string]upstream.Settings{"service": at(service.URL)}

	g := goGateway(t, code, "http_auth_random service", upstreams)
	if a := g.do(t, http.MethodPost, "/p", strings.NewReader("x")); a.status != http.StatusOK || !strings.HasSuffix(a.body, "body=x") {
		t.Errorf("http_auth_random: %d %q", a.status, a.body)
	}
	if a := g.do(t, http.MethodGet, "/no", nil); a.status != http.StatusForbidden || a.body != "access forbidden" || a.header.Get("Powered-By") == "" {
		t.Errorf("http_auth_random: %d %v %q", a.status, a.header, a.body)
	}

	g = goGateway(t, code, "multiple_dispatches service", upstreams)
	if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusOK || a.header.Get("Total-Dispatched") != "10" || a.body == "" {
		t.Errorf("multiple_dispatches: %d %v %q", a.status, a.header, a.body)
	}

	goGateway(t, code, "dispatch_call_on_tick service", upstreams).says(t, `the tick's call answered "yes" <nil>`)
}

func goTicks(t *testing.T, code []byte) {
	goGateway(t, code, "helloworld", nil).says(t, "hello from a tick")
	goGateway(t, code, "foreign_call_on_tick many words", nil).says(t, `packed and unpacked "many words" <nil>`)

	g := goGateway(t, code, "postpone_requests", nil)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if a, err := g.try(http.MethodGet, "/", nil); err != nil || !strings.Contains(a.body, `x-a=["postponed"]`) {
				t.Errorf("postpone_requests: %d %q %v", a.status, a.body, err)
			}
		})
	}
	wg.Wait()
}

func goShared(t *testing.T, code []byte) {
	spec := goExample(code, "shared_data", func(s *plugin.Spec) { s.Instances = 3 })
	g := serve(t, setup{plugins: []plugin.Spec{spec}})
	for _, want := range []string{"1", "2", "3", "4", "5"} {
		if a := g.do(t, http.MethodGet, "/", nil); a.header.Get("X-Count") != want {
			t.Errorf("shared_data: count %q, want %q", a.header.Get("X-Count"), want)
		}
	}

	g = serve(t, setup{plugins: []plugin.Spec{
		goExample(code, "shared_queue_receiver", func(s *plugin.Spec) { s.Name, s.VMID = "receiver", "receiver" }),
		goExample(code, "shared_queue_sender receiver", func(s *plugin.Spec) { s.Name, s.VMID = "sender", "sender" }),
	}})
	g.do(t, http.MethodGet, "/", nil)
	g.says(t, `the queue had "an event"`)
}

func goLookups(t *testing.T, code []byte) {
	g := serve(t, setup{plugins: []plugin.Spec{goExample(code, "properties", func(s *plugin.Spec) { s.VMConfig = "of the vm" })}})
	g.do(t, http.MethodGet, "/p?q", nil)
	g.says(t, `vm configuration "of the vm" <nil>`)
	g.says(t, `plugin configuration "properties"`)
	g.says(t, `path "/p?q" <nil>, missing true, true <nil>`)
	g.says(t, "code 200")

	g = goGateway(t, code, "metrics", nil)
	g.do(t, http.MethodGet, "/", nil)
	g.do(t, http.MethodGet, "/", nil)
	g.says(t, "requests 2 open 2")
}
