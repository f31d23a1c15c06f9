package loomadapter

import (
	"slices"
	"testing"

	"github.com/loom-gateway/loom/modules/router"
)

func TestPartsAreInTheRoutersOrder(t *testing.T) {
	order, last := router.MiddlewareOrder(), -1
	for _, p := range parts() {
		at := slices.Index(order, p.handler)
		if at <= last {
			t.Errorf("%s is at %d of %q, what stands before it at %d", p.handler, at, order, last)
		}
		last = at
	}
}
