package plugins_test

import (
	"slices"
	"testing"

	"github.com/loom-gateway/loom/plugins"
)

// mostEmbedded keeps the binary small: what is embedded is in every copy of it.
const mostEmbedded = 200 << 10

func TestBundled(t *testing.T) {
	names := plugins.BundledNames()
	if !slices.Contains(names, "rate-limit") || !slices.IsSorted(names) {
		t.Errorf("the bundled plugins are %q", names)
	}
	for _, name := range names {
		code, ok := plugins.Bundled(name)
		if !ok || string(code[:min(4, len(code))]) != "\x00asm" {
			t.Errorf("%s is no WebAssembly module", name)
		}
		if len(code) > mostEmbedded {
			t.Errorf("%s has %d bytes, the most is %d", name, len(code), mostEmbedded)
		}
	}
	for _, name := range []string{"", "rate-limit.wasm", "../rate-limit", "probe"} {
		if _, ok := plugins.Bundled(name); ok {
			t.Errorf("%q is said to be bundled", name)
		}
	}
}
