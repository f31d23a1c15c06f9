package plugin

import (
	"testing"

	"go.uber.org/zap/zapcore"
)

// A failed hostcall leaves one line with what its author needs, however many requests and instances it fails in.
func TestAFailedHostcallIsLoggedOnce(t *testing.T) {
	const script = "request_headers: get 9 x-a; get 0 x-missing"
	p, logs := open(t, probeSpec(t, script))
	defer p.Close()
	c := mustContext(t, p, script)
	defer c.Release()
	for range 10 {
		s, err := c.NewStream(noExchange{})
		if err != nil {
			t.Fatal(err)
		}
		s.RequestHeaders(0, true)
		s.Finish()
	}
	lines := logs.FilterMessage("a hostcall of the plugin failed").All()
	if len(lines) != 1 || lines[0].Level != zapcore.WarnLevel {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	fields := lines[0].ContextMap()
	for name, want := range map[string]any{
		"plugin": "probe", "context": uint32(2), "callback": "proxy_on_request_headers", "hostcall": "proxy_get_header_map_value",
		"status": "BAD_ARGUMENT", "section": "HTTP fields",
	} {
		if fields[name] != want {
			t.Errorf("field %s is %v, want %v", name, fields[name], want)
		}
	}
	if reason, _ := fields["reason"].(string); reason == "" {
		t.Errorf("no reason in %v", fields)
	}
}
