//go:build !race

package router_test

// Not under the race detector, where a sync.Pool forgets things by chance.

import (
	"net/http/httptest"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// What a router with middleware adds to a request is no garbage but what tells others about the route.
func TestMiddlewareAllocatesNothing(t *testing.T) {
	allocs := func(middleware string) float64 {
		c := moduletest.Provision(t, moduletest.HTTP(`{}`, withMiddleware(middleware, `{"id":"a","paths":["/a"],"handle":[{"handler":"quiet"}]}`)))
		r := httptest.NewRequest("GET", "/a", nil)
		return testing.AllocsPerRun(100, func() { _ = c.Serve(r).Body.Close() })
	}
	one, five := allocs(``), allocs(`{"handler":"quiet"},{"handler":"quiet"},{"handler":"quiet"},{"handler":"quiet"}`)
	if five > one {
		t.Errorf("four handlers of middleware cost %v allocations", five-one)
	}
}
