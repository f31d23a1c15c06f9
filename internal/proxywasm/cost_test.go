package proxywasm

import (
	"testing"
	"time"

	"github.com/tetratelabs/wazero/api"
)

func TestCostBuckets(t *testing.T) {
	bounds := CostBounds()
	for _, d := range []time.Duration{-1, 0, 1, 999, 1000, 1001, 4000, 4001, 16000, 16001, time.Millisecond, time.Second, 1048576000, 1048576001, time.Hour} {
		want := 0
		for want < len(bounds) && d.Seconds() > bounds[want] {
			want++
		}
		if got := costBucket(d); got != want {
			t.Errorf("%d ns are in bucket %d, want %d", d, got, want)
		}
	}
}

func TestEveryCallbackHasAPhase(t *testing.T) {
	seen := map[string]bool{}
	for p, name := range phaseNames() {
		if name == "" || seen[name] {
			t.Errorf("phase %d is called %q", p, name)
		}
		seen[name] = true
		if _, known := callbackType("proxy_"+name, "0.2.1"); !known && p > 0 {
			t.Errorf("the ABI has no %q", name)
		}
		if p > 0 && phaseOf("proxy_"+name) != Phase(p) {
			t.Errorf("%q is phase %d", name, phaseOf("proxy_"+name))
		}
	}
	if phaseOf("_initialize") != 0 || phaseOf("main") != 0 {
		t.Error("a start function is a callback")
	}
}

// BenchmarkMeter is what counting costs one callback: two looks at the clock and the additions.
func BenchmarkMeter(b *testing.B) {
	in := &Instance{began: time.Now()}
	for b.Loop() {
		began := time.Since(in.began)
		in.meter.record(1, time.Since(in.began)-began, noMemory{})
	}
}

// noMemory is the memory of a guest that has none.
type noMemory struct{ api.Memory }

func (noMemory) Size() uint32 { return 0 }
