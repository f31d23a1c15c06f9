package pluginwatch

import (
	"context"
	"testing"
)

type keyOf int

// behind is a context with as many values as one of Caddy's, and a few more.
func behind() context.Context {
	ctx := context.Background()
	for i := range 12 {
		ctx = context.WithValue(ctx, keyOf(i), i)
	}
	return ctx
}

// A request at which nobody looks is not watched, and finding that out leaves nothing to collect.
func TestNobodyLooks(t *testing.T) {
	ctx := behind()
	if w := New(ctx, nil); w != nil || w.Begin("plugin", false) != nil {
		t.Fatal("the request is watched")
	}
	if n := testing.AllocsPerRun(100, func() { New(ctx, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkNobodyLooks(b *testing.B) {
	ctx := behind()
	b.ReportAllocs()
	for b.Loop() {
		if New(ctx, nil) != nil {
			b.Fatal("the request is watched")
		}
	}
}
