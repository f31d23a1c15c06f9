package httpfilter

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/pluginwatch"
	"github.com/loom-gateway/loom/internal/shared"
)

// What a plugin in Rust adds to an exchange, without a network. The guest is the one that `make bench-plugins` runs in Loom
// and in Envoy.

// unread is a client that throws away what it gets.
type unread struct{ header http.Header }

func (w *unread) Header() http.Header         { return w.header }
func (w *unread) Write(p []byte) (int, error) { return len(p), nil }
func (w *unread) WriteHeader(int)             {}

// measured makes a function that runs one exchange through the guest of the benchmarks.
func measured(tb testing.TB, work string) (exchange func()) {
	tb.Helper()
	return watchedBy(tb, work, func() *pluginwatch.Watch { return nil })
}

// watchedBy is measured with somebody who looks.
func watchedBy(tb testing.TB, work string, watch func() *pluginwatch.Watch) (exchange func()) {
	tb.Helper()
	return exchanging(tb, plugin.Spec{Name: "guest", Config: work, Instances: 1}, watch)
}

func exchanging(tb testing.TB, spec plugin.Spec, watch func() *pluginwatch.Watch) (exchange func()) {
	tb.Helper()
	code, err := os.ReadFile("../../bench/guest/guest.wasm")
	if err != nil {
		tb.Fatal(err)
	}
	spec.Code = code
	p, err := plugin.Open(context.Background(), spec, plugin.Deps{Shared: shared.NewStore(), Log: zap.NewNop()})
	if err != nil {
		tb.Fatal(err)
	}
	c, err := p.Context(context.Background(), spec.Config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Release(); p.Close() })
	filter, w := New(c, Options{}), &unread{header: http.Header{}}
	r := httptest.NewRequest(http.MethodGet, "/path", http.NoBody)
	r.Header.Set("User-Agent", "a client")
	contentType, body := []string{"text/plain"}, make([]byte, 130)
	next := func(w http.ResponseWriter, _ *http.Request) error {
		w.Header()["Content-Type"] = contentType
		_, err := w.Write(body)
		return err
	}
	return func() {
		clear(w.header)
		if err := filter.ServeWatched(watch(), w, r, next); err != nil {
			tb.Error(err)
		}
	}
}

// cpuTime is what the process has used: unlike the time of the clock it says something on a machine that does other things.
func cpuTime(tb testing.TB) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func BenchmarkExchange(b *testing.B) {
	for _, work := range []string{"empty", "headers", "sixty"} {
		b.Run(work, func(b *testing.B) {
			benchmarkExchange(b, measured(b, work))
		})
	}
}

// What it costs that somebody looks: nothing where nobody does (the context of a request without a span), and what a debug
// header does.
func BenchmarkWatched(b *testing.B) {
	for name, watch := range map[string]func() *pluginwatch.Watch{
		"nobody": func() *pluginwatch.Watch { return pluginwatch.New(context.Background(), nil) },
		"report": func() *pluginwatch.Watch { return pluginwatch.New(context.Background(), &pluginwatch.Report{}) },
	} {
		b.Run(name, func(b *testing.B) {
			exchange := watchedBy(b, "headers", watch)
			b.ReportAllocs()
			for b.Loop() {
				exchange()
			}
		})
	}
}

// BenchmarkTrusted is BenchmarkExchange without the time limit: the difference is what the limit costs.
func BenchmarkTrusted(b *testing.B) {
	for _, work := range []string{"empty", "headers", "sixty"} {
		b.Run(work, func(b *testing.B) {
			benchmarkExchange(b, exchanging(b, plugin.Spec{Name: "guest", Config: work, Instances: 1, Trusted: true}, func() *pluginwatch.Watch { return nil }))
		})
	}
}

// A request at which nobody looks allocates what one does that cannot be looked at.
func TestNobodyLooksCostsNothing(t *testing.T) {
	nobody := func() *pluginwatch.Watch { return pluginwatch.New(context.Background(), nil) }
	plain, unwatched := testing.AllocsPerRun(200, measured(t, "sixty")), testing.AllocsPerRun(200, watchedBy(t, "sixty", nobody))
	if plain != unwatched {
		t.Errorf("%v allocations, and %v where nobody looks", plain, unwatched)
	}
	reported := func() *pluginwatch.Watch { return pluginwatch.New(context.Background(), &pluginwatch.Report{}) }
	if watched := testing.AllocsPerRun(200, watchedBy(t, "sixty", reported)); watched <= plain {
		t.Errorf("%v allocations where somebody looks: nothing was recorded", watched)
	}
}

func benchmarkExchange(b *testing.B, exchange func()) {
	b.ReportAllocs()
	began := cpuTime(b)
	for b.Loop() {
		exchange()
	}
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
}

// A hostcall that reads a header leaves nothing to collect: a stream that reads sixty of them allocates what an idle one does.
func TestHeaderReadsDoNotAllocate(t *testing.T) {
	idle, reading := testing.AllocsPerRun(200, measured(t, "empty")), testing.AllocsPerRun(200, measured(t, "reads"))
	if reading != idle {
		t.Errorf("a stream with 60 reads of headers allocates %v times, one without allocates %v times", reading, idle)
	}
}

// Nor does one that removes a header, and one that adds a header costs one allocation for what net/http keeps of it, name and
// value, and a part of one for its list of values.
func TestHeaderChangesAllocateWhatIsKept(t *testing.T) {
	idle, changing := testing.AllocsPerRun(200, measured(t, "empty")), testing.AllocsPerRun(200, measured(t, "sixty"))
	const added, ofMap = 20, 8 // http.Header itself grows
	if most := idle + added + (added+listsAtOnce-1)/listsAtOnce + ofMap; changing > most {
		t.Errorf("a stream that adds, reads and removes 20 headers allocates %v times, the most is %v", changing, most)
	}
}
