package conformance

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	_ "github.com/loom-gateway/loom/caddyfile"
	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/upstream"
	"github.com/loom-gateway/loom/loomadapter"
	"github.com/loom-gateway/loom/modules/moduletest"
	"github.com/loom-gateway/loom/plugins"
)

func startSequence(s *suite) {
	startFunctions(s)
	whileStarting(s)
	contextOrder(s)
	configurations(s)
	severalContexts(s)
}

// started loads testdata/start.wat and returns what it logged.
func started(t *testing.T, change ...func(*plugin.Spec)) []string {
	t.Helper()
	return runs(t, rawSpec(t, "start", change...)).log()
}

// order fails unless the log has the lines in this order, and each as often as it stands here.
func order(t *testing.T, log []string, lines ...string) {
	t.Helper()
	wanted := map[string]bool{}
	for _, line := range lines {
		wanted[line] = true
	}
	var got []string
	for _, line := range log {
		if wanted[line] {
			got = append(got, line)
		}
	}
	if strings.Join(got, "\n") != strings.Join(lines, "\n") {
		t.Errorf("the guest logged\n%s\nwant in this order\n%s", strings.Join(log, "\n"), strings.Join(lines, "\n"))
	}
}

func without(t *testing.T, log []string, prefixes ...string) {
	t.Helper()
	for _, line := range log {
		for _, prefix := range prefixes {
			if strings.HasPrefix(line, prefix) {
				t.Errorf("%q must not be called:\n%s", line, strings.Join(log, "\n"))
			}
		}
	}
}

func startFunctions(s *suite) {
	s.check("S-01", 1, "_initialize is called once, after the start section and before everything else", func(t *testing.T) {
		order(t, started(t), "section 0", "_initialize 0", "main 0", "context_create parent 0", "vm_start 1", "configure 1")
	})
	s.check("S-02", 1, "after _initialize comes main(0, 0), or else __main_void", func(t *testing.T) {
		log := started(t)
		order(t, log, "_initialize 0", "main 0")
		without(t, log, "__main_void")
		log = started(t, patch(t, "main", "mine"))
		order(t, log, "_initialize 0", "__main_void 0", "context_create parent 0")
		without(t, log, "main")
	})
	s.check("S-03", 1, "_start is called once, and only where there is no _initialize", func(t *testing.T) {
		without(t, started(t), "_start")
		log := started(t, patch(t, "_initialize", "_initialise"))
		order(t, log, "section 0", "_start 0", "context_create parent 0")
		without(t, log, "_initialize", "main", "__main_void")
	})
	s.check("S-04", 1, "the runtime calls no start function by itself", func(t *testing.T) {
		order(t, started(t, patch(t, "_initialize", "_initialise")), "_start 0")
		without(t, started(t, patch(t, "_initialize", "_initialise"), patch(t, "_start", "_stare")), "_start", "main", "__main_void")
	})
	s.check("S-08", 1, "a module whose _start ends with proc_exit(0) stays usable", func(t *testing.T) {
		log := started(t, patch(t, "_initialize", "_initialise"))
		order(t, log, "_start 0", "context_create parent 0", "vm_start 1", "configure 1", "context_create parent 1")
		without(t, log, "_start goes on")
	})
	s.check("S-09", 2, "another exit code refuses the plugin and is named", func(t *testing.T) {
		refused(t, rawSpec(t, "start", patch(t, "_initialize", "_initialise"), env("A=1", "B=2", "C=3")), "proc_exit(3)", "_start")
	})
	s.check("S-12", 1, "a module that Go built for wasip1 as c-shared starts", func(t *testing.T) {
		code := guestbuild.Go(t, "../../plugins/add-header")
		g := serve(t, setup{plugins: []plugin.Spec{{Name: "add-header", Code: code, Instances: 1, Config: `{"response": {"set": {"x-go": "yes"}}}`}}})
		if a := g.do(t, "GET", "/", nil); a.header.Get("X-Go") != "yes" {
			t.Errorf("the client got %d %v", a.status, a.header)
		}
	})
}

func whileStarting(s *suite) {
	s.check("S-10", 1, "in the start section the log, the clock and the environment are there, other hostcalls answer a status", func(t *testing.T) {
		order(t, started(t), "section 0", "section: time 0", "section: environ 0", "section: property 1", "section: header 2")
	})
	s.check("S-11", 2, "while the module starts, hostcalls of a stream answer BAD_ARGUMENT; the profile envoy refuses the module", func(t *testing.T) {
		order(t, started(t), "_initialize 0", "_initialize: header 2", "main 0")
		refused(t, rawSpec(t, "start", func(s *plugin.Spec) { s.Profile = proxywasm.ProfileEnvoy }), "proxy_get_property", "start")
	})
}

func contextOrder(s *suite) {
	s.check("S-05", 1, "a plugin context is created, then on_vm_start, then on_configure, all with the same id of 1 or more", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("x:", vmConfig("four"))}})
		order(t, g.log(), "> context_create ctx=1 0 0", "> vm_start ctx=1 4 0", "> configure ctx=1 2 0")
	})
	s.check("S-06", 1, "the first argument of on_vm_start is the id of the plugin context", func(t *testing.T) {
		order(t, started(t), "vm_start 1")
	})
	s.check("S-07", 1, "plugin_root_id can be read when the plugin context is created, also when it is empty", func(t *testing.T) {
		order(t, started(t), "context_create parent 0", "root id 0", "root id size 0", "vm_start 1")
		order(t, started(t, func(s *plugin.Spec) { s.RootID = "five5" }), "root id 0", "root id size 5", "vm_start 1")
	})
	s.check("S-13", 1, "on_vm_start that answers 0 refuses the plugin", func(t *testing.T) {
		refused(t, probe("vm_start: return 0"), "on_vm_start", "it says: ")
	})
	s.check("S-14", 1, "on_configure that answers 0 refuses the plugin", func(t *testing.T) {
		refused(t, probe("configure: return 0"), "on_configure", "it says: ")
	})
	s.check("S-22", 1, "calls, timers, queues, metrics and shared data are there in on_vm_start and on_configure", func(t *testing.T) {
		all := `http up :method=GET,:path=/,:authority=a; tick 10; queue q; metric 0 m; inc $id 1; setdata k v 0; getdata k`
		backend := httptest.NewServer(http.HandlerFunc(echo))
		t.Cleanup(backend.Close)
		g := serve(t, setup{
			plugins:   []plugin.Spec{probe(lines("vm_start: "+all, "configure: "+all, "tick: tick 0"))},
			upstreams: map[string]upstream.Settings{"up": at(backend.URL)},
		})
		for _, done := range []string{"  http up", "  tick 10 ->", "  queue q", "  metric 0 m", "  inc", "  setdata k v", "  getdata k"} {
			found := g.find(done)
			if len(found) != 2 || !strings.Contains(found[0], "-> 0") || !strings.Contains(found[1], "-> 0") {
				t.Errorf("the guest logged %q", found)
			}
		}
		g.await(t, 2, "> http_call_response ctx=1")
		g.await(t, 1, "> tick ctx=1")
	})
}

func vmConfig(text string) func(*plugin.Spec) { return func(s *plugin.Spec) { s.VMConfig = text } }

func configurations(s *suite) {
	const script = "vm_start: buf 6 0 100; buf 7 0 8"
	s.check("S-15", 1, "the sizes that callbacks are given are the lengths of the configurations in bytes", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("y: é", vmConfig("naïve"))}})
		g.want(t, "> vm_start ctx=1 6 0", "> configure ctx=1 5 0")
	})
	s.check("S-16", 1, "buffers 6 and 7 are the configurations, byte for byte", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(script, vmConfig("a\x00b\nc\xff"))}})
		g.want(t, `  buf 6 0 -> 0 "a\x00b\x0ac\xff"`, `  buf 7 0 -> 0 "vm_start"`)
	})
	s.check("S-17", 1, "proxy_get_configuration of 0.1.0 gives the VM's configuration in on_vm_start and the plugin's in on_configure", func(t *testing.T) {
		g := runs(t, rawSpec(t, "v0_1_0", vmConfig("probe: of the vm"), func(s *plugin.Spec) { s.Config = "probe: of the plugin" }))
		order(t, g.log(), "vm_start configuration 0", "of the vm", "configure configuration 0", "of the plugin")
	})
	s.check("S-18", 2, "the plugin's configuration can be read in every callback", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: buf 7 0 15")}})
		g.do(t, "GET", "/", nil)
		g.want(t, `  buf 7 0 -> 0 "request_headers"`)
	})
	s.check("S-19", 1, "a configuration that is a mapping reaches the guest as compact JSON, a text as it is", func(t *testing.T) {
		for name, document := range documents(t) {
			t.Run(name, func(t *testing.T) {
				logs := moduletest.Provision(t, document).Logs()
				// The guest logs what it gets with proxy_get_configuration.
				if want := `{\"list\":[1,\"two\"],\"on\":true}`; !strings.Contains(logs, want) {
					t.Errorf("no %s in the log:\n%s", want, logs)
				}
				if want := `"as it is:  { \"x\" }"`; !strings.Contains(logs, want) {
					t.Errorf("no %s in the log:\n%s", want, logs)
				}
			})
		}
	})
	s.check("S-20", 2, "an empty configuration has the size 0, and Rust's SDK takes it for none", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("")}})
		g.want(t, "> configure ctx=1 0 0")
		code, _ := plugins.Bundled("rate-limit")
		if a := runs(t, plugin.Spec{Name: "rate-limit", Code: code, Instances: 1}).do(t, "GET", "/", nil); a.header.Get("RateLimit-Limit") == "" {
			t.Errorf("the client got %v", a.header)
		}
	})
}

// documents are configs of two plugins, one configured with a mapping and one with a text, as JSON.
func documents(t *testing.T) map[string]string {
	t.Helper()
	module, err := filepath.Abs("testdata/v0_1_0.wasm")
	if err != nil {
		t.Fatal(err)
	}
	caddyfile := `{
	loom {
		plugin mapping ` + module + ` {
			config {
				list 1 two
				on true
			}
		}
		plugin text ` + module + ` {
			config ` + "`as it is:  { \"x\" }`" + `
		}
	}
}
`
	yaml := `
listeners: [{name: http, address: "127.0.0.1:8080", protocol: http}]
upstreams: [{name: up, endpoints: ["127.0.0.1:1"]}]
routes: [{id: all, path: /*, upstream: up, plugins: [mapping, text]}]
plugins:
  - {name: mapping, path: "` + module + `", config: {"on": true, list: [1, two]}}
  - {name: text, path: "` + module + `", config: 'as it is:  { "x" }'}
`
	fromCaddyfile, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	fromYAML, _, err := loomadapter.Adapter{}.Adapt([]byte(yaml), map[string]any{"filename": "loom.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"Caddyfile": string(fromCaddyfile), "loom.yaml": string(fromYAML)}
}

func severalContexts(s *suite) {
	s.check("S-21", 2, "another configuration of a plugin (a route's) is a plugin context of its own, with all callbacks of the start", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("x:", vmConfig("vm"))}})
		c, err := g.plugins[0].Context(context.Background(), "request_headers:")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Release)
		order(t, g.log(), "> context_create ctx=1 0 0", "> vm_start ctx=1 2 0", "> configure ctx=1 2 0",
			"> context_create ctx=2 0 0", "> vm_start ctx=2 2 0", "> configure ctx=2 16 0")
	})
	s.check("S-23", 2, "each instance of a pool is started and configured", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("x:", func(s *plugin.Spec) { s.Instances = 3 })}})
		for _, line := range []string{"> context_create ctx=1 0 0", "> vm_start ctx=1 0 0", "> configure ctx=1 2 0"} {
			if n := len(g.find(line)); n != 3 {
				t.Errorf("%q came %d times, want 3", line, n)
			}
		}
	})
	s.check("S-24", 2, "an instance that is started later is configured with the same bytes", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines("configure: buf 6 0 100; buf 7 0 24", "request_headers: trap"), vmConfig("vm"))}})
		if a := g.do(t, "GET", "/", nil); a.status != 503 {
			t.Errorf("the client got %d", a.status)
		}
		g.await(t, 2, `  buf 6 0 -> 0 "vm"`)
		g.await(t, 2, `  buf 7 0 -> 0 "configure: buf 6 0 100; "`)
	})
}
