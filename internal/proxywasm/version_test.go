package proxywasm

import (
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/wasmscreen/wasmtest"
)

func TestVersionOf(t *testing.T) {
	t.Parallel()
	custom := func(name, text string) []byte {
		return wasmtest.Section(0, append(wasmtest.Sized([]byte(name)), text...))
	}
	for name, test := range map[string]struct {
		code []byte
		want string
	}{
		"none":            {wasmtest.Module(custom("producers", "x")), ""},
		"one":             {wasmtest.Module(custom("producers", "x"), custom("version", "1.2.3")), "1.2.3"},
		"with a line end": {wasmtest.Module(custom("version", "1.2.3\n")), "1.2.3"},
		"control":         {wasmtest.Module(custom("version", "1\x1b[31m")), ""},
		"not UTF-8":       {wasmtest.Module(custom("version", "\xff")), ""},
		"a novel":         {wasmtest.Module(custom("version", strings.Repeat("x", 65))), ""},
		"cut off":         {wasmtest.Module(custom("version", "1.2.3"))[:14], ""},
		"no module":       {[]byte("\x00as"), ""},
	} {
		if got := versionOf(test.code); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
