package conformance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
	"github.com/loom-gateway/loom/internal/upstream"
)

func memoryProtocol(s *suite) {
	allocators(s)
	badAllocators(s)
	pointers(s)
	outputs(s)
	soak(s)
}

// allocator sends one request through testdata/allocator.wat; the length of the configuration says how it misbehaves.
func allocator(t *testing.T, mode int, change ...func(*plugin.Spec)) (*gateway, answer) {
	t.Helper()
	change = append(change, func(s *plugin.Spec) { s.Config = strings.Repeat("x", mode) })
	g := serve(t, setup{plugins: []plugin.Spec{rawSpec(t, "allocator", change...)}})
	return g, g.do(t, "GET", "/", nil, "X-A", "probe: abc", "X-Empty", "")
}

const (
	allocatorWell = iota
	allocatorNull
	allocatorGrows
	allocatorTraps
	allocatorCalls
	allocatorGarbage
)

func allocators(s *suite) {
	emptyAnswer := []string{"empty 0", "empty address 0", "empty size 0"}
	s.check("M-01", 1, "what a hostcall returns is allocated by the guest, with exactly its size", func(t *testing.T) {
		g, _ := allocator(t, allocatorWell)
		g.wantLines(t, slices.Concat([]string{"allocate 10", "value 0", "value address 1", "value size 10", "abc"}, emptyAnswer)...)
	})
	s.check("M-02", 1, "an empty answer is a null pointer and the size 0, without an allocation", func(t *testing.T) {
		g, a := allocator(t, allocatorWell) // the allocator traps when it is asked for nothing
		g.want(t, emptyAnswer...)
		g.wantNot(t, "allocate 0", "malloc 0")
		if a.status != 200 {
			t.Errorf("the client got %d", a.status)
		}
	})
	s.check("M-03", 1, "proxy_on_memory_allocate is used where there is malloc too", func(t *testing.T) {
		g, _ := allocator(t, allocatorWell)
		g.want(t, "allocate 10")
		g.wantNot(t, "malloc")
	})
	s.check("M-04", 1, "malloc is used where it is alone", func(t *testing.T) {
		g, _ := allocator(t, allocatorWell, patch(t, "proxy_on_memory_allocate", "proxy_no_memory_allocate"))
		g.want(t, "malloc 10", "abc")
		g.wantNot(t, "allocate")
	})
	s.check("M-06", 1, "an allocator that grows the memory gets the right bytes", func(t *testing.T) {
		g, _ := allocator(t, allocatorGrows)
		g.wantLines(t, slices.Concat([]string{"allocate 10", "value 0", "value address 1", "value size 10", "abc"}, emptyAnswer)...)
	})
	s.check("M-14", 1, "a hostcall allocates once, and writes the address before the guest can allocate again", func(t *testing.T) {
		g, _ := allocator(t, allocatorWell)
		if lines := g.find("allocate"); len(lines) != 1 {
			t.Errorf("one answer took %q", lines)
		}
	})
}

func badAllocators(s *suite) {
	s.check("M-05", 1, "an allocator that answers null or an address out of reach gives INVALID_MEMORY_ACCESS, and nothing is written", func(t *testing.T) {
		for _, mode := range []int{allocatorNull, allocatorGarbage} {
			g, a := allocator(t, mode)
			g.want(t, "value 6", "value address 1", "value size 4294967295", "empty 0")
			if a.status != 200 {
				t.Errorf("the client got %d", a.status)
			}
		}
	})
	s.check("M-11", 1, "an allocator may log; any other hostcall in it, and a trap, end the instance", func(t *testing.T) {
		for _, mode := range []int{allocatorTraps, allocatorCalls} {
			g, a := allocator(t, mode)
			g.want(t, "allocate 10")
			g.wantNot(t, "value")
			if a.status != 503 {
				t.Errorf("the client got %d, want 503", a.status)
			}
			eventually(t, "the failure in the log", func() bool { return g.logs.FilterMessage("plugin instance failed").Len() == 1 })
		}
	})
}

// call is a hostcall with good arguments: `@text LENGTH` is an input, `out0` to `out3` are places for answers.
type call struct {
	prepare string // commands before it, for $id and the like
	words   string
}

func calls() []call {
	head := escaped(abi.AppendPairs(nil, []abi.Pair{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/"}, {Name: ":authority", Value: "a"}}))
	return []call{
		{"", `proxy_log 2 @hi 2`},
		{"", `proxy_get_log_level out0`},
		{"", `proxy_get_current_time_nanoseconds out0`},
		{"", `proxy_get_status out0 out1 out2`},
		{"", `proxy_get_property @plugin_name 11 out0 out1`},
		{"", `proxy_set_property @mine 4 @v 1`},
		{"", `proxy_call_foreign_function @compress 8 @x 1 out0 out1`},
		{"", `proxy_get_header_map_size 0 out0`},
		{"", `proxy_get_header_map_pairs 0 out0 out1`},
		{"", `proxy_set_header_map_pairs 0 ` + head},
		{"", `proxy_get_header_map_value 0 @x-a 3 out0 out1`},
		{"", `proxy_add_header_map_value 0 @x-b 3 @1 1`},
		{"", `proxy_replace_header_map_value 0 @x-b 3 @1 1`},
		{"", `proxy_remove_header_map_value 0 @x-b 3`},
		{"", `proxy_get_buffer_bytes 7 0 4 out0 out1`},
		{"", `proxy_get_buffer_status 7 out0 out1`},
		{"", `proxy_set_buffer_bytes 0 0 0 @x 1`},
		{"", `proxy_http_call @up 2 ` + head + ` @body 4 @ 0 1000 out0`},
		{"", `proxy_grpc_call @up 2 @svc 3 @m 1 @ 0 @msg 3 1000 out0`},
		{"", `proxy_grpc_stream @up 2 @svc 3 @m 1 @ 0 out0`},
		{"", `proxy_grpc_send 99 @msg 3 0`},
		{"setdata k v 0", `proxy_get_shared_data @k 1 out0 out1 out2`},
		{"", `proxy_set_shared_data @k 1 @v 1 0`},
		{"", `proxy_register_shared_queue @q 1 out0`},
		{"queue q", `proxy_resolve_shared_queue @ 0 @q 1 out0`},
		{"queue q", `proxy_enqueue_shared_queue $id @v 1`},
		{"queue q; enqueue $id v", `proxy_dequeue_shared_queue $id out0 out1`},
		{"", `proxy_define_metric 0 @m 1 out0`},
		{"metric 0 m", `proxy_get_metric $id out0`},
		{"", `proxy_send_local_response 200 @d 1 @b 1 @ 0 4294967295`}, // the last: it answers
	}
}

// escaped is an input of any bytes, with its length.
func escaped(data []byte) string {
	var b strings.Builder
	for _, c := range data {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return fmt.Sprintf(`"@%s" %d`, b.String(), len(data))
}

// result is what a raw hostcall showed.
type rawResult struct {
	words  string
	status int
	outs   []string
}

// each runs every hostcall with one input or output after the other replaced. An input takes two words.
func each(t *testing.T, output bool, by ...string) []rawResult {
	t.Helper()
	var script []string
	var tried []string
	for _, c := range calls() {
		words := strings.Split(c.words, " ")
		for i, word := range words {
			isOut, isIn := strings.HasPrefix(word, "out"), strings.HasPrefix(strings.Trim(word, `"`), "@")
			if (output && !isOut) || (!output && !isIn) {
				continue
			}
			changed := strings.Join(slices.Replace(slices.Clone(words), i, i+len(by), by...), " ")
			if c.prepare != "" {
				script = append(script, c.prepare)
			}
			script = append(script, "raw "+changed)
			tried = append(tried, changed)
		}
	}
	backend := servedEcho(t)
	g := serve(t, setup{
		plugins:   []plugin.Spec{probe("request_headers: " + strings.Join(script, "; "))},
		upstreams: map[string]upstream.Settings{"up": at(backend)},
	})
	g.do(t, "GET", "/", nil, "X-A", "1")
	return rawResults(t, g, tried)
}

func rawResults(t *testing.T, g *gateway, tried []string) []rawResult {
	t.Helper()
	lines := g.find("  raw ")
	if len(lines) != len(tried) {
		t.Fatalf("%d calls gave %d lines:\n%s", len(tried), len(lines), strings.Join(g.log(), "\n"))
	}
	results := make([]rawResult, len(lines))
	for i, line := range lines {
		_, numbers, _ := strings.Cut(line, " -> ")
		fields := strings.Fields(numbers)
		status, err := strconv.Atoi(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		results[i] = rawResult{tried[i], status, fields[1:]}
	}
	return results
}

const untouched = "4294967295"

func (r rawResult) wantUntouched(t *testing.T) {
	t.Helper()
	if slices.ContainsFunc(r.outs, func(out string) bool { return out != untouched }) {
		t.Errorf("%s answered %d and wrote %q", r.words, r.status, r.outs)
	}
}

func pointers(s *suite) {
	s.check("M-07", 1, "an input out of reach gives INVALID_MEMORY_ACCESS in every hostcall", func(t *testing.T) {
		for _, r := range each(t, false, "4294967280", "16") {
			if r.status != int(abi.StatusInvalidMemoryAccess) {
				t.Errorf("%s answered %d, want 6", r.words, r.status)
			}
		}
	})
	s.check("M-08", 1, "an empty input is good wherever it points", func(t *testing.T) {
		for _, pointer := range []string{"0", "1", "4294967295"} {
			for _, r := range each(t, false, pointer, "0") {
				if r.status == int(abi.StatusInvalidMemoryAccess) {
					t.Errorf("%s answered 6", r.words)
				}
			}
		}
	})
	s.check("M-09", 1, "a place for an answer out of reach gives INVALID_MEMORY_ACCESS in every hostcall", func(t *testing.T) {
		for _, r := range each(t, true, "4294967294") {
			if r.status != int(abi.StatusInvalidMemoryAccess) {
				t.Errorf("%s answered %d, want 6", r.words, r.status)
			}
		}
	})
	s.check("M-10", 1, "an address and a length that overflow 32 bits give INVALID_MEMORY_ACCESS", func(t *testing.T) {
		for _, r := range each(t, false, "4294967280", "4294967295") {
			if r.status != int(abi.StatusInvalidMemoryAccess) {
				t.Errorf("%s answered %d, want 6", r.words, r.status)
			}
		}
	})
	s.check("M-13", 2, "a hostcall that fails writes no answer, not even a part", func(t *testing.T) {
		for _, r := range each(t, true, "4294967294") {
			r.wantUntouched(t)
		}
		tried := []string{"proxy_get_header_map_value 0 @x-none 6 out0 out1", "proxy_get_shared_data @none 4 out0 out1 out2", "proxy_get_property @none 4 out0 out1"}
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: raw " + strings.Join(tried, "; raw "))}})
		g.do(t, "GET", "/", nil)
		for _, r := range rawResults(t, g, tried) {
			if r.status != int(abi.StatusNotFound) {
				t.Errorf("%s answered %d", r.words, r.status)
			}
			r.wantUntouched(t)
		}
	})
}

func outputs(s *suite) {
	s.check("M-12", 1, "times and metrics are written as 64 bits, and no more", func(t *testing.T) {
		before := time.Now().UnixNano()
		log := callRaw(t, "raw proxy_get_current_time_nanoseconds out0")
		low, high := number(t, log.outs[0]), number(t, log.outs[1])
		if got := int64(high<<32 | low); got < before || got > time.Now().UnixNano() {
			t.Errorf("the time is %d, it was %d before", got, before)
		}
		if log.outs[2] != untouched {
			t.Errorf("more than 64 bits were written: %q", log.outs)
		}
	})
	s.check("M-15", 2, "a foreign function whose result the guest does not want works", func(t *testing.T) {
		for _, places := range []string{"0 0", "0 out0", "out0 0"} {
			r := callRaw(t, "raw proxy_call_foreign_function @compress 8 @x 1 "+places)
			if r.status != 0 {
				t.Errorf("with the places %s it answered %d", places, r.status)
			}
		}
	})
	s.check("M-16", 1, "numbers are little endian, whatever the gateway runs on", func(t *testing.T) {
		const value = 0x0102030405060708
		r := callRaw(t, fmt.Sprintf("metric 1 g; record $id %d; raw proxy_get_metric $id out0", value))
		if want := []string{strconv.Itoa(0x05060708), strconv.Itoa(0x01020304), untouched, untouched}; !slices.Equal(r.outs, want) {
			t.Errorf("the words are %q, want %q", r.outs, want)
		}
		// No code of the host may depend on the byte order of the machine that this test runs on.
		files, err := filepath.Glob("../proxywasm/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(err)
		}
		for _, file := range files {
			if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "NativeEndian") || strings.Contains(string(text), `"unsafe"`) {
				t.Errorf("%s uses the machine's byte order (%v)", file, err)
			}
		}
	})
}

// callRaw runs commands in a request, one of them raw.
func callRaw(t *testing.T, commands string) rawResult {
	t.Helper()
	g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: " + commands)}})
	g.do(t, "GET", "/", nil)
	return rawResults(t, g, []string{commands})[0]
}

func number(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// servedEcho is an upstream that plugins may call.
func servedEcho(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(server.Close)
	return server.URL
}
