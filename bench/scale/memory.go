package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/httpfilter"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/shared"
)

// memory prints the resident memory of the process before there is a plugin, with all of them, and after each instance has
// served a request. The plugins end with the process.
func memory(o options) error {
	guest, err := os.ReadFile(o.guest)
	if err != nil {
		return err
	}
	code, err := plugin.NewCode("")
	if err != nil {
		return err
	}
	deps := plugin.Deps{Shared: shared.NewStore(), Code: code, Log: zap.NewNop()}
	before, err := resident()
	if err != nil {
		return err
	}
	fmt.Printf("%d plugins with %d instances each of %s\n", o.plugins, o.instances, o.guest)
	var filters []*httpfilter.Filter
	linear := int64(0)
	for i := range o.plugins {
		p, c, err := open(plugin.Spec{Name: fmt.Sprintf("plugin-%d", i), Code: guest, Config: o.config, Instances: o.instances}, deps)
		if err != nil {
			return err
		}
		filters = append(filters, httpfilter.New(c, httpfilter.Options{}))
		for _, in := range p.Snapshot().Instances {
			linear += int64(in.MemoryBytes)
		}
	}
	report := func(when string) error {
		now, err := resident()
		if err != nil {
			return err
		}
		n := int64(o.plugins * o.instances)
		fmt.Printf("%-24s %8.1f MiB, %.2f MiB per instance\n", when, mebibytes(now), mebibytes((now-before)/n))
		return nil
	}
	fmt.Printf("%-24s %8.1f MiB\n", "before", mebibytes(before))
	if err := report("loaded"); err != nil {
		return err
	}
	for _, f := range filters {
		for range o.instances {
			if err := exchange(f); err != nil {
				return err
			}
		}
	}
	if err := report("after a request each"); err != nil {
		return err
	}
	debug.FreeOSMemory()
	if err := report("what of it is in use"); err != nil {
		return err
	}
	fmt.Printf("%-24s %8.1f MiB, as the guests see it\n", "linear memory", mebibytes(linear))
	runtime.KeepAlive(filters)
	return nil
}

func open(s plugin.Spec, d plugin.Deps) (*plugin.Plugin, *plugin.Context, error) {
	p, err := plugin.Open(context.Background(), s, d)
	if err != nil {
		return nil, nil, fmt.Errorf("opening plugin %q: %w", s.Name, err)
	}
	c, err := p.Context(context.Background(), s.Config)
	return p, c, err
}

func exchange(f *httpfilter.Filter) error {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", http.NoBody)
	return f.ServeHTTP(httptest.NewRecorder(), r, func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.Write([]byte("hello"))
		return err
	})
}

// resident is VmRSS.
func resident() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ := strings.Cut(rest, "kB")
	kilobytes, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	return kilobytes << 10, err
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
