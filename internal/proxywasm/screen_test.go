package proxywasm

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/wasmscreen"
)

// What has a shape that no plugin has never sees the compiler: there is not even a runtime for it.
func TestScreenedBeforeCompiling(t *testing.T) {
	probe, err := os.ReadFile(probePath)
	if err != nil {
		t.Fatal(err)
	}
	narrow := wasmscreen.DefaultLimits()
	narrow.Functions = 3
	for name, test := range map[string]struct {
		code   []byte
		limits Limits
		want   string
	}{
		"too many functions": {probe, Limits{Shape: narrow}, "functions, more than the limit of 3"},
		"too large":          {probe, Limits{ModuleBytes: 1000}, "more than the limit of 1000"},
		"cut off":            {probe[:len(probe)/2], Limits{}, "cut off"},
		// A module with a table of two million entries: 16 MiB, of the 64 that the plugin may have.
		"a large table":  {append(bytes.Clone(probe[:8]), 4, 7, 1, 0x70, 0, 0x80, 0x80, 0x80, 0x01), Limits{}, "2097152 entries in its tables"},
		"a little table": {append(bytes.Clone(probe[:8]), 4, 5, 1, 0x70, 0, 0xff, 0x7f), Limits{MemoryPages: 8}, "16383 entries in its tables"},
	} {
		m, err := newModule(t.Context(), test.code, Options{Limits: test.limits})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if m.runtime != nil {
			t.Errorf("%s: a runtime was made for it", name)
		}
	}
}
