package plugin

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/loom-gateway/loom/internal/guestmetrics"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/shared"
	"github.com/loom-gateway/loom/internal/upstream"
)

const anyCall = `http any ":method=GET,:path=/,:authority=x" body`

// Each limit takes effect on a real guest, which lives on unless it is stopped for its time, and is counted.
func TestLimitsTakeEffect(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tc := range []struct {
		limit  proxywasm.Limit
		script string
		limits proxywasm.Limits
		hits   int64
	}{
		{proxywasm.LimitMemory, "request_headers: " + strings.Repeat("grow 1; ", 30), proxywasm.Limits{MemoryPages: 24}, 1},
		{proxywasm.LimitCallTimeout, "request_headers: loop", proxywasm.Limits{CallTimeout: 50 * time.Millisecond}, 1},
		{proxywasm.LimitTickPeriod, "request_headers: tick 1; tick 60000", proxywasm.Limits{}, 1},
		{proxywasm.LimitLogLine, "request_headers: log 2 " + long, proxywasm.Limits{LogBytes: 200}, 1},
		{proxywasm.LimitMetrics, "request_headers: metric 0 a; metric 0 b; metric 0 a; metric 0 " + strings.Repeat("n", 4097), proxywasm.Limits{}, 2},
		{proxywasm.LimitSharedData, "request_headers: setdata k v; setdata k " + long, proxywasm.Limits{SharedBytes: 100}, 1},
		{proxywasm.LimitQueues, "request_headers: queue q; enqueue $id a; enqueue $id b", proxywasm.Limits{QueueItems: 1}, 1},
		{proxywasm.LimitQueues, "request_headers: queue q; enqueue $id " + long, proxywasm.Limits{QueueBytes: 100}, 1},
		{proxywasm.LimitCalls, "request_headers: " + anyCall + "; " + anyCall, proxywasm.Limits{Calls: 1}, 1},
		{proxywasm.LimitCalls, "request_headers: " + anyCall + "; " + anyCall, proxywasm.Limits{StreamCalls: 1}, 1},
		{proxywasm.LimitCalls, "request_headers: " + anyCall + "; " + anyCall, proxywasm.Limits{StreamCallsInAll: 1}, 1},
		{proxywasm.LimitCallBody, "request_headers: " + anyCall, proxywasm.Limits{CallBytes: 10}, 1},
		{proxywasm.LimitCallBody, "request_headers: " + anyCall + "; " + anyCall, proxywasm.Limits{CallsBytes: 120}, 1},
	} {
		t.Run(tc.limit.String(), func(t *testing.T) {
			spec := probeSpec(t, tc.script)
			spec.Name, spec.Limits, spec.Instances = "limit-"+tc.limit.String(), tc.limits, 1
			p := openWithCalls(t, spec)
			c := mustContext(t, p, spec.Config)
			s, err := c.NewStream(noExchange{})
			if err != nil {
				t.Fatal(err)
			}
			v := s.RequestHeaders(0, true)
			if died := v.Err != nil; died != (tc.limit == proxywasm.LimitCallTimeout) {
				t.Errorf("the instance: %v", v.Err)
			}
			s.Finish()
			for limit, hits := range p.Stats().LimitHits {
				if limit == tc.limit && hits < tc.hits || limit != tc.limit && hits != 0 {
					t.Errorf("%s: %d times", limit, hits)
				}
			}
			c.Release()
			p.Close()
		})
	}
}

// openWithCalls opens a plugin that may define one metric and call an upstream; its calls wait for the start.
func openWithCalls(t *testing.T, s Spec) *Plugin {
	t.Helper()
	u, err := upstream.New(upstream.Settings{Name: "any", Endpoints: []upstream.EndpointSettings{{Address: "127.0.0.1:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	core, _ := observer.New(zap.DebugLevel)
	metrics := guestmetrics.NewStore().Of(s.Name)
	metrics.Limit(1)
	p, err := Open(context.Background(), s, Deps{
		Shared: shared.NewStore(), Metrics: metrics, Log: zap.New(core),
		Upstreams: func(string) (*upstream.Upstream, error) { return u, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A plugin that never says proxy_done is ended, by a limit of its own.
func TestDoneTimeout(t *testing.T) {
	spec := probeSpec(t, "")
	spec.Name, spec.Instances, spec.Limits.DoneTimeout = "limit-done", 1, time.Millisecond
	p, _ := open(t, spec)
	defer p.Close()
	mustContext(t, p, "done: return 0").Release()
	eventually(t, "the context is ended", func() bool { return p.Stats().LimitHits[proxywasm.LimitDoneTimeout] == 1 })
}

func TestConfigurationTooLarge(t *testing.T) {
	spec := probeSpec(t, "request_headers: return 0")
	spec.Name, spec.Limits.ConfigBytes = "limit-config", 40
	p, _ := open(t, spec)
	defer p.Close()
	long := strings.Repeat("#", 41)
	if _, err := p.Context(t.Context(), long); err == nil || !strings.Contains(err.Error(), "limits.configuration") {
		t.Errorf("of a route: %v", err)
	}
	for _, change := range []func(*Spec){func(s *Spec) { s.Config = long }, func(s *Spec) { s.VMConfig = long }} {
		bad := spec
		change(&bad)
		if _, err := Open(t.Context(), bad, Deps{Shared: shared.NewStore()}); err == nil || !strings.Contains(err.Error(), "limits.configuration") {
			t.Errorf("error %v", err)
		}
	}
}
