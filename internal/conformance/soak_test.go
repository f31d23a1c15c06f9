package conformance

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/guestbuild"
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

// memoryAfter sends requests with a header of a kilobyte through a plugin, without a network, and returns the guest's memory
// after a first part of them and after all.
func memoryAfter(t *testing.T, spec plugin.Spec, first, all int) (early, late uint32) {
	t.Helper()
	p, err := plugin.Open(context.Background(), spec, plugin.Deps{Code: compiled, Shared: shared.NewStore(), Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	c, err := p.Context(context.Background(), spec.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Release)
	filter := httpfilter.New(c, httpfilter.Options{})
	for i := range all {
		if i == first {
			early = p.Snapshot().Instances[0].MemoryBytes
		}
		request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		request.Header.Set("X-Api-Key", strings.Repeat("k", 1000))
		err := filter.ServeHTTP(&nowhere{header: http.Header{}}, request, func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusOK)
			return nil
		})
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	return early, p.Snapshot().Instances[0].MemoryBytes
}

func soak(s *suite) {
	s.check("M-17", 1, "the memory of guests in Rust and Go stays where it is while they read headers", func(t *testing.T) {
		rateLimit, _ := plugins.Bundled("rate-limit")
		for _, spec := range []plugin.Spec{
			{Name: "rate-limit", Code: rateLimit, Instances: 1, Config: `{"requests_per_second": 1e9, "key": "header:X-Api-Key"}`},
			{Name: "reader", Code: guestbuild.Go(t, "testdata/reader"), Instances: 1},
		} {
			t.Run(spec.Name, func(t *testing.T) {
				// A kilobyte left behind by each request would be 6 MB more.
				early, late := memoryAfter(t, spec, 4_000, 10_000)
				if late > early+2<<20 {
					t.Errorf("%s has %d bytes after 4000 requests and %d after 10000", spec.Name, early, late)
				}
			})
		}
	})
}
