//go:build !race

package ratelimit_test

// Not under the race detector, where a sync.Pool forgets things by chance.

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// What a limiter costs a request, beside what it writes into the response.
func TestAllocations(t *testing.T) {
	allocs := func(middleware string) float64 {
		c := moduletest.Provision(t, moduletest.HTTP(`{}`, `{"handler": "loom_router", "middleware": [`+middleware+`],
			"routes": [{"id": "a", "handle": [{"handler": "static_response"}]}]}`))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		return testing.AllocsPerRun(200, func() { _ = c.Serve(r).Body.Close() })
	}
	none := allocs(``)
	if with := allocs(limiter(`"limits": [{"rate": 1000000}], "headers": "off", "key": ["client_ip", "route"]`)); with > none {
		t.Errorf("%v allocations more", with-none)
	}
}
