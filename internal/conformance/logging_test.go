package conformance

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/loom-gateway/loom/internal/plugin"
)

func logging(s *suite) {
	s.check("X-16", 1, "the ABI's levels are the log's, critical ends nothing, and a level above is BAD_ARGUMENT", func(t *testing.T) {
		g := after(t, `log 0 level0; log 1 level1; log 2 level2; log 3 level3; log 4 level4; log 5 level5; log 6 level6`)
		g.want(t, "  log 5 level5 -> 0", "  log 6 level6 -> 2")
		for level, want := range map[string]zapcore.Level{
			"level0": zapcore.DebugLevel, "level1": zapcore.DebugLevel, "level2": zapcore.InfoLevel, "level3": zapcore.WarnLevel,
			"level4": zapcore.ErrorLevel, "level5": zapcore.ErrorLevel,
		} {
			if entries := g.logs.FilterMessage(level).All(); len(entries) != 1 || entries[0].Level != want {
				t.Errorf("%s: %v", level, entries)
			}
		}
		if n := g.logs.FilterMessage("level6").Len(); n != 0 {
			t.Error("level 6 is logged")
		}
	})
	s.check("X-17", 1, "a line carries the plugin, its root id and vm id, and the ids of context and request", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("configure: log 2 outside\nrequest_headers: log 2 inside",
			func(s *plugin.Spec) { s.Name, s.RootID, s.VMID = "auth", "root", "vm" })}})
		g.do(t, "GET", "/", nil, "X-Request-Id", "id-7")
		for message, want := range map[string]map[string]any{
			"outside": {"plugin": "auth", "root_id": "root", "vm_id": "vm", "root_context": uint32(1), "context": uint32(1)},
			"inside":  {"plugin": "auth", "root_id": "root", "vm_id": "vm", "root_context": uint32(1), "context": uint32(2), "request_id": "id-7"},
		} {
			fields := g.logs.FilterMessage(message).All()[0].ContextMap()
			for name, value := range want {
				if fields[name] != value {
					t.Errorf("%s: %s is %v, want %v", message, name, fields[name], value)
				}
			}
			if len(fields) != len(want) {
				t.Errorf("%s has the fields %v", message, fields)
			}
		}
	})
	s.check("X-18", 2, "proxy_get_log_level is the level that is configured", func(t *testing.T) {
		for level, want := range map[zapcore.Level]string{zapcore.DebugLevel: "0", zapcore.InfoLevel: "2"} {
			g := serve(t, setup{level: level, plugins: []plugin.Spec{probe("request_headers: level")}})
			g.do(t, "GET", "/", nil)
			g.want(t, "  level -> 0 "+want)
		}
	})
	s.check("X-19", 1, "standard output is info, standard error is error; parts are joined, the newline at the end is cut", func(t *testing.T) {
		g, want := wasiAnswers(t)
		want(t, "fd_write 1 0", "fd_write 2 0", "fd_write two 0")
		var levels []zapcore.Level
		for _, e := range g.logs.All() {
			switch e.Message {
			case "probe: written", "probe: writtenprobe: written":
				levels = append(levels, e.Level)
			}
			if strings.HasSuffix(e.Message, `\n`) {
				t.Errorf("a line with its newline: %q", e.Message)
			}
		}
		if !slices.Contains(levels, zapcore.InfoLevel) || !slices.Contains(levels, zapcore.ErrorLevel) {
			t.Errorf("levels %v", levels)
		}
	})
	s.check("X-20", 1, "the clock is the host's, in nanoseconds, and does not go back", func(t *testing.T) {
		before := time.Now()
		g := after(t, "raw proxy_get_current_time_nanoseconds out0; raw proxy_get_current_time_nanoseconds out0")
		times := g.clock(t)
		if len(times) != 2 || times[0].Before(before) || times[1].Before(times[0]) || times[1].After(time.Now()) {
			t.Errorf("between %s and %s the guest read %s", before, time.Now(), times)
		}
	})
	s.check("X-21", 2, "a flood of lines is dropped and counted without blocking, and a long line is cut", func(t *testing.T) {
		flood := probe("request_headers: log 2 flood" + strings.Repeat("; log 2 flood", 300))
		g := serve(t, setup{plugins: []plugin.Spec{flood}})
		for range 30 { // each is 600 lines with the probe's own
			g.do(t, "GET", "/", nil)
		}
		eventually(t, "the number of dropped lines in the log", func() bool {
			return g.logs.FilterMessageSnippet("lines were dropped").Len() > 0
		})
		long := serve(t, setup{plugins: []plugin.Spec{probe("request_body: buf 0 0 100000; log 2 $val")}})
		long.do(t, "POST", "/", strings.NewReader(strings.Repeat("y", 200_000)))
		for _, e := range long.logs.All() {
			if len(e.Message) > 17<<10 {
				t.Errorf("a line has %d bytes", len(e.Message))
			}
		}
	})
}

// clock are the times that the guest has read by raw calls: two words of 32 bits.
func (g *gateway) clock(t *testing.T) (times []time.Time) {
	t.Helper()
	for _, line := range g.find("  raw proxy_get_current_time_nanoseconds -> 0 ") {
		words := strings.Fields(line[strings.Index(line, "-> 0 ")+5:])
		low, err := strconv.ParseUint(words[0], 10, 32)
		high, err2 := strconv.ParseUint(words[1], 10, 32)
		if err != nil || err2 != nil {
			t.Fatalf("%q", line)
		}
		times = append(times, time.Unix(0, int64(high<<32|low)))
	}
	return times
}
