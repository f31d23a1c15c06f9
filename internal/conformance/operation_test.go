package conformance

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/upstream"
	"github.com/loom-gateway/loom/modules/moduletest"
	"github.com/loom-gateway/loom/plugins"
)

// operation are the statements about plugins in a gateway that runs.
func operation(s *suite) {
	s.check("V-12", 1, "failure_policy has no second spelling: a config that sets fail_open beside it is refused", func(t *testing.T) {
		_, err := moduletest.TryProvision(t, services(t, `"failure_policy": "closed", "fail_open": true`, ""))
		if err == nil || !strings.Contains(err.Error(), "fail_open") {
			t.Errorf("error %v", err)
		}
	})
	s.check("V-14", 2, "instances that are active, were created, trapped and replaced stand on the metrics page", lifecycleMetrics)
	s.check("V-15", 1, "a thousand requests at once with pauses, calls, ticks and bodies end as they should (under the race detector)", stress)
	s.check("V-16", 2, "a plugin that no route names runs once, ticks, and shares data by vm_id with the plugins of requests", func(t *testing.T) {
		config := services(t, `"vm_id": "shared", "instances": 1, "config": "configure: tick 10\ntick: setdata word from-the-service 0"`,
			`"vm_id": "shared", "config": "request_headers: getdata word; set 0 x-word $val"`)
		c := moduletest.Provision(t, config).Start()
		eventually(t, "the service's word in a request", func() bool {
			res, err := http.Get(c.URL("test"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			body, err := io.ReadAll(res.Body)
			return err == nil && string(body) == "from-the-service"
		})
	})
	s.check("V-17", 2, "every setting is part of what makes two plugins the same", everySettingCounts)
	s.check("V-18", 2, "an instance whose memory has grown is replaced while requests go on: none fails, and the memory comes back", recycling)
	s.check("V-19", 2, "header bytes that are not UTF-8 cost a Rust plugin its instance and the client a 503, each time; the plugin recovers each time", notUTF8)
	s.check("V-20", 2, "one instance and many give the same results", func(t *testing.T) {
		script := lines("request_headers: set 0 x-a seen", whole("request", "upper 0; setbuf 0 0 0 1"), "response_headers: set 2 x-b seen", whole("response", "setbuf 1 99 0 2"))
		var answers [2]string
		for i, n := range []int{1, 8} {
			g := serve(t, setup{plugins: []plugin.Spec{probe(script, func(s *plugin.Spec) { s.Instances = n })}})
			for range 16 {
				a := g.do(t, "POST", "/p?q", strings.NewReader("abc"))
				answers[i] += a.header.Get("X-B") + " " + strings.ReplaceAll(a.body, g.Listener.Addr().String(), "") + "\n"
			}
		}
		if answers[0] != answers[1] {
			t.Errorf("one instance:\n%s\neight:\n%s", answers[0], answers[1])
		}
	})
}

// services is a config with a plugin `service` that no route names and `filter` that all requests pass; the answer is the
// request's header X-Word. The settings are the insides of JSON objects.
func services(t *testing.T, service, filter string) string {
	t.Helper()
	path, err := filepath.Abs("../../plugins/probe/probe.wasm")
	if err != nil {
		t.Fatal(err)
	}
	entry := func(settings string) string {
		if settings != "" {
			settings = ", " + settings
		}
		return `{"path": ` + moduletest.Quote(path) + settings + `}`
	}
	return moduletest.HTTP(`{"plugins": {"service": `+entry(service)+`, "filter": `+entry(filter)+`}}`,
		`{"handler": "loom_wasm", "plugins": [{"name": "filter"}]}`,
		`{"handler": "static_response", "body": "{http.request.header.X-Word}"}`)
}

func lifecycleMetrics(t *testing.T) {
	c := moduletest.Provision(t, services(t, `"instances": 2`, `"instances": 1, "config": "request_headers: trap"`)).Start()
	res, err := http.Get(c.URL("test"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	const want = `# HELP loom_plugin_instances Usable instances of the plugin.
# TYPE loom_plugin_instances gauge
loom_plugin_instances{plugin="filter"} 1
loom_plugin_instances{plugin="service"} 2
# HELP loom_plugin_instances_created_total Instances that were started.
# TYPE loom_plugin_instances_created_total counter
loom_plugin_instances_created_total{plugin="filter"} 2
loom_plugin_instances_created_total{plugin="service"} 2
# HELP loom_plugin_reload_failures_total Attempts to replace an instance that failed.
# TYPE loom_plugin_reload_failures_total counter
loom_plugin_reload_failures_total{plugin="filter"} 0
loom_plugin_reload_failures_total{plugin="service"} 0
# HELP loom_plugin_reloads_total Fresh instances that took the place of one that failed.
# TYPE loom_plugin_reloads_total counter
loom_plugin_reloads_total{plugin="filter"} 1
loom_plugin_reloads_total{plugin="service"} 0
# HELP loom_plugin_traps_total Instances that failed.
# TYPE loom_plugin_traps_total counter
loom_plugin_traps_total{plugin="filter"} 1
loom_plugin_traps_total{plugin="service"} 0
`
	ctx := c.Context()
	var last error
	eventually(t, "the metrics of a replaced instance", func() bool {
		last = testutil.GatherAndCompare(ctx.GetMetricsRegistry(), strings.NewReader(want), "loom_plugin_instances", "loom_plugin_instances_created_total",
			"loom_plugin_reload_failures_total", "loom_plugin_reloads_total", "loom_plugin_traps_total")
		return last == nil
	})
}

// stress has every kind of event at once. The probe's ticks and calls touch any stream, at any time.
func stress(t *testing.T) {
	auth := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	t.Cleanup(auth.Close)
	script := lines(
		"request_headers: tick 10; "+ask+"; return 0",
		"request_body@eos: upper 0; continue 0; return 1", "request_body: return 1",
		"request_trailers: add 1 x-more 1",
		"response_headers: set 2 x-seen 1",
		"response_body@eos: setbuf 1 0 0 1", "response_body: return 1",
		"http_call_response: buf 4 0 9; effective $stream; get 0 :path; buf 0 0 9; buf 1 0 9; set 2 x-late 1; continue 0; continue 1",
		"tick: effective $stream; get 0 :path; buf 0 0 9; setbuf 1 0 0 \"\"; continue 0; continue 1",
		"log: get 0 :path; get 2 :status",
	)
	many := func(s *plugin.Spec) { s.Instances = 3 }
	g := serve(t, setup{
		plugins: []plugin.Spec{probe(script, many)}, upstreams: map[string]upstream.Settings{"auth": at(auth.URL)},
		backend: func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			for i := range body {
				_, _ = w.Write(body[i : i+1])
			}
		},
	})
	const requests, atOnce = 1000, 50
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range requests {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if i%10 == 0 { // some leave early
				ctx, cancel = context.WithTimeout(t.Context(), time.Duration(i%7)*time.Millisecond)
			}
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "POST", g.URL, chunked("abcdef"))
			if err != nil {
				t.Error(err)
				return
			}
			res, err := g.Client().Do(req)
			if err != nil {
				if i%10 != 0 {
					t.Error(err)
				}
				return
			}
			body, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			// A tick may have let go of a part before a callback has changed it.
			whole := strings.EqualFold(strings.Replace(string(body), "1", "", 1), "abcdef")
			if i%10 != 0 && (err != nil || res.StatusCode != 200 || !whole) {
				t.Errorf("%d %q, %v", res.StatusCode, body, err)
			}
		})
	}
	all.Wait()
	if s := g.plugins[0].Stats(); s.Traps != 0 || s.Instances != 3 {
		t.Errorf("%+v", s)
	}
}

// recycling has a plugin that leaks with each request: without fresh instances its limit would end it.
func recycling(t *testing.T) {
	const mark, recycles = 8 << 20, 5
	leaky := func(s *plugin.Spec) { s.Instances, s.Recycle.Memory = 2, mark }
	g := serve(t, setup{plugins: []plugin.Spec{probe(lines("request_headers: grow 8", "response_headers: set 2 x-seen 1"), leaky)}})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for g.plugins[0].Stats().Recycles < recycles && !t.Failed() {
				if a, err := g.try("GET", "/", nil); err != nil || a.status != 200 || a.header.Get("X-Seen") != "1" {
					t.Errorf("%d %v, %v", a.status, a.header, err)
				}
				if err := <-g.errors; err != nil { // of any of the exchanges
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	eventually(t, "two instances below the mark", func() bool {
		s := g.plugins[0].Stats()
		return s.Instances == 2 && s.Memory < 2*mark
	})
	if s := g.plugins[0].Stats(); s.Traps != 0 || s.ReloadFailures != 0 {
		t.Errorf("%+v", s)
	}
}

// everySettingCounts changes one field of a Spec after the other: also those that somebody will add.
func everySettingCounts(t *testing.T) {
	base := plugin.Spec{Name: "a", Code: []byte("x")}
	seen := map[string]string{base.Key(): "nothing"}
	var change func(path string, v reflect.Value, spec *plugin.Spec)
	change = func(path string, v reflect.Value, spec *plugin.Spec) {
		before := reflect.ValueOf(v.Interface())
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				change(path+"."+v.Type().Field(i).Name, v.Field(i), spec)
			}
			return
		case reflect.String:
			v.SetString("changed")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Int, reflect.Int64:
			v.SetInt(77)
		case reflect.Uint32, reflect.Uint64:
			v.SetUint(77)
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		case reflect.Map:
			m := reflect.MakeMap(v.Type())
			m.SetMapIndex(reflect.ValueOf("key"), reflect.New(v.Type().Elem()).Elem())
			v.Set(m)
		default:
			t.Errorf("%s: this test does not know a %s", path, v.Kind())
		}
		if other, same := seen[spec.Key()]; same && path != ".SHA256" { // which is made from the code
			t.Errorf("%s changed has the key of %s", path, other)
		}
		seen[spec.Key()] = path
		v.Set(before)
	}
	spec := base
	change("", reflect.ValueOf(&spec).Elem(), &spec)
}

// notUTF8 attacks a plugin of Rust's SDK, which panics when it reads such bytes as a string.
func notUTF8(t *testing.T) {
	code, ok := plugins.Bundled("rate-limit")
	if !ok {
		t.Fatal("no bundled plugin")
	}
	spec := plugin.Spec{Name: "rate-limit", Code: code, Config: `{"key": "header:x-key"}`, Instances: 1}
	g := serve(t, setup{plugins: []plugin.Spec{spec}})
	for round := range int64(3) {
		conn, err := net.Dial("tcp", g.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nX-Key: \xff\xfe\r\nConnection: close\r\n\r\n")
		answer, err := io.ReadAll(conn)
		_ = conn.Close()
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 503 ") {
			t.Fatalf("round %d: %.80q, %v", round, answer, err)
		}
		g.replaced(t, round+1)
		if a := g.do(t, "GET", "/", nil, "X-Key", "fine"); a.status != 200 {
			t.Errorf("round %d: afterwards %d", round, a.status)
		}
	}
}
