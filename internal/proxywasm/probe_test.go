package proxywasm

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// The probe is a guest that does what its configuration says; see plugins/probe.
const probePath = "../../plugins/probe/probe.wasm"

// recorder is a Logger that keeps what the probe wrote, without the context ids.
type recorder struct {
	mu      sync.Mutex
	lines   []string
	refused []Refusal
}

func (r *recorder) Enabled(abi.LogLevel) bool { return true }

func (r *recorder) Log(_ abi.LogLevel, msg string, _ LogOrigin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, strings.TrimPrefix(msg, "probe: "))
}

func (r *recorder) Refused(f Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = append(r.refused, f)
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

func (r *recorder) want(t *testing.T, line string) {
	t.Helper()
	if lines := r.all(); !slices.Contains(lines, line) {
		t.Errorf("no line %q in the guest's log:\n%s", line, strings.Join(lines, "\n"))
	}
}

// pairsMap is a HeaderMap over a list.
type pairsMap struct{ pairs []abi.Pair }

func (m *pairsMap) Len() int                              { return len(m.pairs) }
func (m *pairsMap) AppendPairs(dst []abi.Pair) []abi.Pair { return append(dst, m.pairs...) }
func (m *pairsMap) Add(name, value []byte) string {
	m.pairs = append(m.pairs, abi.Pair{Name: string(name), Value: string(value)})
	return ""
}
func (m *pairsMap) Set(name, value []byte) string   { m.Remove(name); return m.Add(name, value) }
func (m *pairsMap) Replace(pairs []abi.Pair) string { m.pairs = pairs; return "" }
func (m *pairsMap) Remove(name []byte) string {
	m.pairs = slices.DeleteFunc(m.pairs, func(p abi.Pair) bool { return p.Name == string(name) })
	return ""
}

func (m *pairsMap) Get(name []byte) (string, bool) {
	for _, p := range m.pairs {
		if p.Name == string(name) {
			return p.Value, true
		}
	}
	return "", false
}

// exchange is an Exchange in memory.
type exchange struct {
	maps  map[abi.MapType]*pairsMap
	body  Body
	props map[string]string
}

func newExchange(pairs ...string) *exchange {
	m := &pairsMap{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.pairs = append(m.pairs, abi.Pair{Name: pairs[i], Value: pairs[i+1]})
	}
	return &exchange{maps: map[abi.MapType]*pairsMap{abi.MapHTTPRequestHeaders: m}, props: map[string]string{}}
}

func (e *exchange) Enter(abi.Callback)   {}
func (e *exchange) Leave(abi.StreamType) {}

func (e *exchange) Headers(t abi.MapType) (HeaderMap, bool) {
	if m := e.maps[t]; m != nil {
		return m, true
	}
	return nil, false
}

func (e *exchange) Body(abi.BufferType) *Body { return &e.body }

func (e *exchange) Property(path abi.PropertyPath, dst []byte) ([]byte, abi.Status) {
	v, ok := e.props[string(path)]
	if !ok {
		return nil, abi.StatusNotFound
	}
	return append(dst, v...), abi.StatusOK
}

func (e *exchange) SetProperty(path abi.PropertyPath, value []byte) abi.Status {
	e.props[string(path)] = string(value)
	return abi.StatusOK
}

type fixture struct {
	*recorder
	module   *Module
	instance *Instance
	plugin   *PluginContext
}

// probe starts the probe with a script.
func probe(t *testing.T, script string, change ...func(*Options, *Host)) *fixture {
	t.Helper()
	code, err := os.ReadFile(probePath)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{recorder: &recorder{}}
	o, h := Options{Name: "probe"}, Host{Log: f.recorder}
	for _, c := range change {
		c(&o, &h)
	}
	ctx := context.Background()
	if f.module, err = Compile(ctx, code, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.module.Close(ctx) })
	if f.instance, err = f.module.NewInstance(ctx, VMConfig{VMID: "vm", Configuration: "vm config"}, h); err != nil {
		t.Fatal(err)
	}
	if f.plugin, err = f.instance.NewPluginContext(ctx, PluginConfig{Name: "probe", RootID: "root", Configuration: script}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) stream(t *testing.T, ex Exchange) *Stream {
	t.Helper()
	s, err := f.plugin.NewStream(ex)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHeaders(t *testing.T) {
	f := probe(t, strings.Join([]string{
		`request_headers: pairs 0; get 0 x-a; get 0 x-missing; add 0 x-b "b c"; set 0 x-a new; del 0 x-gone; get 9 x; size 0`,
		`response_headers: pairs 2; get 0 x-a`,
	}, "\n"))
	ex := newExchange(":path", "/p", "x-a", "1", "x-a", "2", "x-gone", "g")
	s := f.stream(t, ex)
	if v := s.RequestHeaders(4, true); v.Action != abi.ActionContinue || v.Err != nil {
		t.Fatalf("verdict %+v", v)
	}
	s.ResponseHeaders(0, true)
	s.Finish()
	f.want(t, `  pairs 0 -> 0 4 :path="/p" x-a="1" x-a="2" x-gone="g"`)
	f.want(t, `  get 0 x-a -> 0 "1"`)
	f.want(t, `  get 0 x-missing -> 1 ""`)
	f.want(t, `  get 9 x -> 2 ""`)
	f.want(t, `  pairs 2 -> 0 0`)
	want := []abi.Pair{{Name: ":path", Value: "/p"}, {Name: "x-b", Value: "b c"}, {Name: "x-a", Value: "new"}}
	if got := ex.maps[0].pairs; !slices.Equal(got, want) {
		t.Errorf("headers %v, want %v", got, want)
	}
	lines := f.all()
	if end := lines[len(lines)-3:]; !strings.HasPrefix(end[0], "> log ") || !strings.HasPrefix(end[1], "> done ") || !strings.HasPrefix(end[2], "> delete ") {
		t.Errorf("a stream ends with log, done, delete; got %q", end)
	}
}

func TestBody(t *testing.T) {
	for _, tc := range []struct{ name, script, body, want string }{
		{"replace", `request_body: setbuf 0 0 2147483647 new`, "old", "new"},
		{"prepend", `request_body: setbuf 0 0 0 a`, "bc", "abc"},
		{"append", `request_body: setbuf 0 2147483647 0 d`, "abc", "abcd"},
		{"splice", `request_body: setbuf 0 1 1 XY`, "abc", "aXYc"},
		{"empty", `request_body: setbuf 0 0 2147483647`, "abc", ""},
		{"upper", `request_body: upper 0`, "abc", "ABC"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := probe(t, tc.script)
			ex := newExchange()
			ex.body.Append([]byte(tc.body))
			s := f.stream(t, ex)
			if v := s.RequestBody(len(tc.body), true); v.Err != nil {
				t.Fatal(v.Err)
			}
			if got := string(ex.body.Bytes()); got != tc.want {
				t.Errorf("body %q, want %q", got, tc.want)
			}
		})
	}
}

func TestBufferRanges(t *testing.T) {
	f := probe(t, `request_body: buf 0 1 2; buf 0 2 999; buf 0 9 1; buf 0 1 4294967295; buf 6 0 99; bufstatus 0; buf 77 0 1; setbuf 7 0 0 x`)
	ex := newExchange()
	ex.body.Append([]byte("abcd"))
	f.stream(t, ex).RequestBody(4, true)
	f.want(t, `  buf 0 1 -> 0 "bc"`)
	f.want(t, `  buf 0 2 -> 0 "cd"`)
	f.want(t, `  buf 0 9 -> 0 ""`)
	f.want(t, `  buf 0 1 -> 2 ""`)
	f.want(t, `  buf 6 0 -> 0 "vm config"`)
	f.want(t, `  bufstatus 0 -> 0 4`)
	f.want(t, `  buf 77 0 -> 2 ""`)
}

func TestLocalReply(t *testing.T) {
	f := probe(t, `request_headers: reply 403 "no entry" x-a=1,x-a=2 why; reply 200 second; return 0`)
	v := f.stream(t, newExchange()).RequestHeaders(0, true)
	if v.Reply == nil || v.Action == abi.ActionContinue {
		t.Fatalf("verdict %+v", v)
	}
	r := v.Reply
	if r.Status != 403 || string(r.Body) != "no entry" || r.Details != "why" || r.GRPCStatus != -1 || len(r.Headers) != 2 {
		t.Errorf("reply %+v", r)
	}
}

func TestPauseAndContinue(t *testing.T) {
	f := probe(t, strings.Join([]string{
		`request_headers: return 1`,
		`response_headers: continue 1; return 1`,
		`request_trailers: return 7`,
		`tick: effective $stream; continue 0; tick 0`,
		`configure: tick 10`,
	}, "\n"))
	s := f.stream(t, newExchange())
	if v := s.ResponseHeaders(0, false); v.Action != abi.ActionContinue {
		t.Errorf("continue within the callback that pauses: %+v", v)
	}
	if v := s.RequestTrailers(0); v.Action != abi.ActionPause {
		t.Errorf("trailers action 7: %+v", v)
	}
	if v := s.RequestHeaders(0, true); v.Action != abi.HeadersStopAllIterationWatermark {
		t.Fatalf("pause on headers: %+v", v)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	f.instance.Start()
	if v := s.Wait(ctx, abi.OnRequestHeaders); v.Err != nil || v.Action != abi.ActionContinue {
		t.Errorf("after the tick: %+v", v)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	f := probe(t, `request_headers: return 1`)
	s := f.stream(t, newExchange())
	s.RequestHeaders(0, true)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if v := s.Wait(ctx, abi.OnRequestHeaders); v.Err == nil {
		t.Error("no error after the context ended")
	}
}

func TestTrapKillsTheInstanceOnly(t *testing.T) {
	for name, script := range map[string]string{
		"trap":    `request_headers: trap`,
		"loop":    `request_headers: loop`,
		"recurse": `request_headers: recurse`,
	} {
		t.Run(name, func(t *testing.T) {
			f := probe(t, script, func(o *Options, _ *Host) { o.Limits.CallTimeout = 50 * time.Millisecond })
			dead := make(chan error, 1)
			f.instance.OnDeath(func(err error) { dead <- err })
			other := f.stream(t, newExchange())
			s := f.stream(t, newExchange())
			if v := s.RequestHeaders(0, true); v.Err == nil {
				t.Fatalf("verdict %+v", v)
			}
			if err := <-dead; f.instance.Err() == nil || !strings.Contains(err.Error(), `running proxy_on_request_headers of plugin "probe"`) {
				t.Errorf("the instance died of %v", err)
			}
			if v := other.Wait(context.Background(), abi.OnRequestHeaders); v.Err == nil {
				t.Error("another stream of the instance was not woken")
			}
			s.Finish()
			other.Finish()
			if _, err := f.plugin.NewStream(newExchange()); err == nil {
				t.Error("a dead instance took a stream")
			}
		})
	}
}

func TestBadPointers(t *testing.T) {
	f := probe(t, `request_headers: badlog 4294967295 16; badlog 4294967280 4294967295; badlog 1 0; badget 0 4294967295 0; badget 0 8 4294967295`)
	if v := f.stream(t, newExchange("x-a", "1")).RequestHeaders(1, true); v.Err != nil {
		t.Fatal(v.Err)
	}
	f.want(t, `  badlog 4294967295 16 -> 6`)
	f.want(t, `  badlog 4294967280 4294967295 -> 6`)
	f.want(t, `  badlog 1 0 -> 0`)
	f.want(t, `  badget 0 4294967295 -> 6`)
	f.want(t, `  badget 0 8 -> 6`)
}

func TestGeneral(t *testing.T) {
	f := probe(t, strings.Join([]string{
		`configure: prop plugin_root_id; prop plugin_name; prop plugin_vm_id; level; time; status; done; effective 99; setprop a b; prop a`,
		`request_headers: prop request|path; prop request.path; prop nope; setprop mine v; prop mine; foreign compress aaaa; foreign uncompress $val; foreign nope; effective $root; prop a; http up -; grpc a b c d; grpccancel 1`,
	}, "\n"))
	ex := newExchange()
	ex.props["request\x00path"] = "/p"
	f.stream(t, ex).RequestHeaders(0, true)
	for _, line := range []string{
		`  prop plugin_root_id -> 0 "root"`, `  prop plugin_name -> 0 "probe"`, `  prop plugin_vm_id -> 0 "vm"`,
		`  level -> 0 0`, `  time -> 0 1`, `  status -> 0 0 ""`, `  done -> 1`, `  effective 99 -> 2`, `  prop a -> 0 "b"`,
		`  prop request|path -> 0 "/p"`, `  prop request.path -> 0 "/p"`, `  prop nope -> 1 ""`, `  prop mine -> 0 "v"`,
		`  foreign nope -> 1 ""`, `  http up - -> 2`, `  grpc a b -> 10`, `  grpccancel 1 -> 1`,
	} {
		f.want(t, line)
	}
	if lines := strings.Join(f.all(), "\n"); !strings.Contains(lines, `-> 0 "aaaa"`) {
		t.Errorf("uncompress did not undo compress:\n%s", lines)
	}
}

func TestRefusedConfiguration(t *testing.T) {
	code, err := os.ReadFile(probePath)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	m, err := Compile(ctx, code, Options{Name: "probe"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close(ctx) }()
	for script, want := range map[string]string{
		"configure: return 0": "on_configure", "vm_start: return 0": "on_vm_start",
		"configure: log 4 \"no key\"; log 2 bye; return 0": "the plugin refused it, it says: no key",
	} {
		in, err := m.NewInstance(ctx, VMConfig{}, Host{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = in.NewPluginContext(ctx, PluginConfig{Name: "p", Configuration: script})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", script, err)
		}
		_ = in.Close(ctx)
	}
}

func TestScreening(t *testing.T) {
	code, err := os.ReadFile(probePath)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		code []byte
		want string
	}{
		"empty":     {nil, "empty"},
		"text":      {[]byte("hello\n"), "a text file"},
		"wat":       {[]byte("(module)"), "wat2wasm"},
		"elf":       {[]byte("\x7fELF\x02\x01\x01"), "native Linux program"},
		"zip":       {[]byte("PK\x03\x04rest"), "zip"},
		"component": {[]byte("\x00asm\x0d\x00\x01\x00"), "component"},
		"bare":      {[]byte("\x00asm\x01\x00\x00\x00"), "proxy_abi_version"},
		"truncated": {code[:len(code)/2], "cut off"},
		"version":   {bytes.ReplaceAll(code, []byte("proxy_abi_version_0_2_1"), []byte("proxy_abi_version_0_9_9")), "0.9.9"},
		"import":    {bytes.ReplaceAll(code, []byte("proxy_get_log_level"), []byte("proxy_get_fog_level")), "proxy_get_fog_level(i32) -> (i32)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(context.Background(), tc.code, Options{Name: "x"})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want it to contain %q", err, tc.want)
			}
		})
	}
}
