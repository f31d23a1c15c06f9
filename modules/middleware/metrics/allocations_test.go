//go:build !race

package metrics_test

// Not under the race detector, where a sync.Pool forgets things by chance.

import (
	"net/http/httptest"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// Counting is no garbage but the writer that sees the status.
func TestCountingAllocatesItsWriter(t *testing.T) {
	allocs := func(without string) float64 {
		c := moduletest.Provision(t, config(route("allocates", without)))
		r := httptest.NewRequest("GET", "/", nil)
		return testing.AllocsPerRun(100, func() { _ = c.Serve(r).Body.Close() })
	}
	off, on := allocs(`"without":["loom_metrics"],`), allocs("")
	if on > off+1 {
		t.Errorf("a counted request costs %v allocations more", on-off)
	}
}
