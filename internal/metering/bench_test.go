package metering

import (
	"testing"

	"github.com/loom-gateway/loom/internal/wasmscreen"
)

// BenchmarkRewrite beside the screen alone, over the committed guests.
func BenchmarkRewrite(b *testing.B) {
	modules, size := committed(b), 0
	for name, code := range modules {
		if _, err := wasmscreen.Screen(code, wasmscreen.DefaultLimits()); err != nil {
			delete(modules, name)
			continue
		}
		size += len(code)
	}
	for name, work := range map[string]func([]byte) error{
		"screen":  func(code []byte) error { _, err := wasmscreen.Screen(code, wasmscreen.DefaultLimits()); return err },
		"rewrite": func(code []byte) error { _, _, err := Rewrite(code, wasmscreen.DefaultLimits()); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, code := range modules {
					if err := work(code); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
