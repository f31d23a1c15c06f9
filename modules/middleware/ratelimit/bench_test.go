package ratelimit_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// BenchmarkHandler is a whole request through Caddy's chain without a network, with and without a limiter.
func BenchmarkHandler(b *testing.B) {
	for _, bm := range []struct{ name, middleware string }{
		{"without", ``},
		{"limited", limiter(`"limits": [{"rate": 1000000}]`)},
		{"without fields", limiter(`"limits": [{"rate": 1000000}], "headers": "off"`)},
		{"two limits", limiter(`"limits": [{"rate": 1000000}, {"rate": 100000000, "per": "1h"}]`)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			c := moduletest.Provision(b, moduletest.HTTP(`{}`, `{"handler": "loom_router", "middleware": [`+bm.middleware+`],
				"routes": [{"id": "a", "handle": [{"handler": "static_response"}]}]}`))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			b.ReportAllocs()
			for b.Loop() {
				_ = c.Serve(r).Body.Close()
			}
		})
	}
}
