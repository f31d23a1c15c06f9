package plugins_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/httpfilter"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/shared"
	"github.com/loom-gateway/loom/plugins"
)

// nowhere is a client that throws away what it gets.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(int)             {}

// benchmark measures what a plugin adds to one exchange, without a network.
func benchmark(b *testing.B, code []byte, config string) {
	spec := plugin.Spec{Name: "benchmark", Code: code, Config: config}
	p, err := plugin.Open(context.Background(), spec, plugin.Deps{Shared: shared.NewStore(), Log: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	c, err := p.Context(context.Background(), config)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Release()
	filter := httpfilter.New(c, httpfilter.Options{})
	next := func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	b.ReportAllocs()
	b.ResetTimer() // compiling is not what is measured
	b.RunParallel(func(pb *testing.PB) {
		request := httptest.NewRequest(http.MethodGet, "/path", http.NoBody)
		for pb.Next() {
			if err := filter.ServeHTTP(&nowhere{header: http.Header{}}, request, next); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkRateLimit counts a request and writes three response headers: in Rust.
func BenchmarkRateLimit(b *testing.B) {
	code, _ := plugins.Bundled("rate-limit")
	benchmark(b, code, `{"requests_per_second": 1000000000}`)
}

// BenchmarkAddHeader sets one header each way: in Go, whose runtime comes along in the guest.
func BenchmarkAddHeader(b *testing.B) {
	code, err := os.ReadFile("../bin/plugins/add-header.wasm")
	if err != nil {
		b.Skip("make build first: ", err)
	}
	benchmark(b, code, `{"request": {"set": {"x-a": "1"}}, "response": {"set": {"x-b": "2"}}}`)
}
