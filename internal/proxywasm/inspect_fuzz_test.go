package proxywasm

import (
	"context"
	"os"
	"testing"
)

// FuzzInspect looks at files that are nearly modules: they are refused with an error and not with a panic.
func FuzzInspect(f *testing.F) {
	code, err := os.ReadFile(probePath)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(code[:200])
	f.Add([]byte("\x00asm\x01\x00\x00\x00"))
	f.Add([]byte("\x00asm\x0d\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, code []byte) {
		info, err := Inspect(context.Background(), code, Options{Name: "fuzz", Limits: Limits{MemoryPages: 16}})
		if err == nil && info.ABIVersion == "" {
			t.Error("a module without an ABI version was taken for a plugin")
		}
	})
}
