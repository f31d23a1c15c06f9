package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
)

func limits(s *suite) {
	short := func(s *plugin.Spec) { s.Limits.CallTimeout = 100 * time.Millisecond }
	s.check("V-09", 1, "an endless loop is stopped by call_timeout, and the instance replaced", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_body: loop", short)}})
		if a := g.do(t, "POST", "/", strings.NewReader("x")); a.status != 503 {
			t.Errorf("status %d", a.status)
		}
		g.replaced(t, 1)
		if a := g.do(t, "GET", "/", nil); a.status != 200 {
			t.Errorf("afterwards: %d", a.status)
		}
		if g.logs.FilterMessage("plugin instance failed").Len() != 1 {
			t.Error("the failure is not logged once")
		}
	})
	s.check("V-10", 1, "memory does not grow beyond its limit (memory.grow answers -1), and a guest that dies of it is replaced", func(t *testing.T) {
		small := func(s *plugin.Spec) { s.Limits.MemoryPages = 64 }
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines("request_headers: grow 1; grow 60000", "request_body: grow 60000; trap"), small)}})
		g.do(t, "GET", "/", nil)
		g.want(t, "  grow 60000 -> 4294967295")
		if size := g.plugins[0].Snapshot().Instances[0].MemoryBytes; size > 64<<16 {
			t.Errorf("%d bytes of memory", size)
		}
		if a := g.do(t, "POST", "/", strings.NewReader("x")); a.status != 503 {
			t.Errorf("status %d", a.status)
		}
		g.replaced(t, 1)
	})
	s.check("V-11", 1, "endless recursion ends the instance and not the process", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_body: recurse")}})
		if a := g.do(t, "POST", "/", strings.NewReader("x")); a.status != 503 {
			t.Errorf("status %d", a.status)
		}
		g.replaced(t, 1)
		if a := g.do(t, "GET", "/", nil); a.status != 200 {
			t.Errorf("afterwards: %d", a.status)
		}
	})
}

func capabilities(s *suite) {
	s.check("V-13", 2, "allow.functions: what it leaves out answers INTERNAL_FAILURE (WASI: NOTCAPABLE) or is not called; none allows all", func(t *testing.T) {
		only := func(names ...string) func(*plugin.Spec) { return func(s *plugin.Spec) { s.Allow.Functions = names } }
		base := []string{"proxy_log", "proxy_get_buffer_bytes", "proxy_on_context_create", "proxy_on_vm_start", "proxy_on_configure", "proxy_on_request_headers"}
		script := lines("request_headers: set 0 x-a b; get 0 :path; inc 1 1; return 0", "response_headers: set 2 x-b c")
		g := serve(t, setup{plugins: []plugin.Spec{probe(script, only(base...))}})
		if a := g.do(t, "GET", "/", nil); !strings.Contains(a.body, "x-a=[]") || a.header.Get("X-B") != "" {
			t.Errorf("%v %q", a.header, a.body)
		}
		g.want(t, "  set 0 x-a -> 10", "  get 0 :path -> 1", "  inc 1 1 -> 2") // the nearest that every SDK survives
		g.wantNot(t, "> response_headers", "> log", "> done", "> request_body")
		if a := serve(t, setup{plugins: []plugin.Spec{probe(script)}}).do(t, "GET", "/", nil); a.header.Get("X-B") != "c" {
			t.Error("no list does not allow all")
		}
		if _, err := tryServe(t, setup{plugins: []plugin.Spec{probe("", only("proxy_htp_call"))}}); err == nil ||
			!strings.Contains(err.Error(), `did you mean "proxy_http_call"`) {
			t.Errorf("an unknown name: %v", err)
		}
		_, answers := wasiAnswers(t, only("proxy_log", "proxy_on_request_headers", "args_get"))
		answers(t, "args_get 0", "random_get empty 76", "environ_sizes_get 76", "clock_time_get 0 76")
	})
}
