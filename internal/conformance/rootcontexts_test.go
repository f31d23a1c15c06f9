package conformance

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/shared"
	"github.com/loom-gateway/loom/internal/upstream"
)

// rootContexts are the statements about the end of a plugin's configuration.
func rootContexts(s *suite) {
	s.check("E-09", 2, "a plugin context ends with on_done and on_delete; on_done = 0 puts on_delete off until proxy_done, or a deadline", func(t *testing.T) {
		at := serve(t, setup{plugins: []plugin.Spec{probe("")}})
		at.shutDown(t)
		at.wantLast(t, "> done ctx=1", "> delete ctx=1")

		later := serve(t, setup{plugins: []plugin.Spec{probe(lines("configure: tick 10", "done: log 2 \"not yet\"; return 0", "tick: done"))}})
		later.shutDown(t)
		later.wantLast(t, "> tick ctx=1", "  done -> 0", "> delete ctx=1")

		short := func(s *plugin.Spec) { s.Limits.DoneTimeout = 50 * time.Millisecond }
		never := serve(t, setup{plugins: []plugin.Spec{probe("done: return 0", short)}})
		never.shutDown(t)
		never.wantLast(t, "> done ctx=1", "> delete ctx=1")
	})
	s.check("E-10", 2, "proxy_done is NOT_FOUND while nobody waits for it", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines("configure: done", "request_headers: done", "log: done"))}})
		g.do(t, "GET", "/", nil)
		g.ended(t, 1)
		if found := g.find("  done"); len(found) != 3 || len(g.find("  done -> 1")) != 3 {
			t.Errorf("%q", found)
		}
	})
	s.check("E-11", 1, "after on_delete of a plugin context its ticks and queue callbacks have stopped", func(t *testing.T) {
		store := shared.NewStore()
		in := func(name string) func(*plugin.Spec) { return func(s *plugin.Spec) { s.Name, s.VMID = name, "shared" } }
		first := serve(t, setup{store: store, plugins: []plugin.Spec{probe("configure: queue q; tick 10", in("first"))}})
		second := serve(t, setup{store: store, plugins: []plugin.Spec{probe(lines("configure: queue own", "request_headers: resolve shared q; enqueue $id x; resolve shared own; enqueue $id x"), in("second"))}})
		first.await(t, 1, "> tick")
		second.do(t, "GET", "/", nil)
		first.await(t, 1, "> queue_ready")
		first.shutDown(t)
		ended := len(first.log())
		second.do(t, "GET", "/", nil)
		second.await(t, 2, "> queue_ready")
		if rest := first.log()[ended:]; len(rest) > 0 {
			t.Errorf("after the end came %q", rest)
		}
	})
	s.check("E-12", 2, "calls that are out when a plugin context ends are cancelled, and call nothing back", func(t *testing.T) {
		auth, asked, _, gone := silent(t)
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: " + ask)}, upstreams: map[string]upstream.Settings{"auth": auth}})
		g.do(t, "GET", "/", nil)
		<-asked
		g.shutDown(t)
		select {
		case <-gone:
		case <-time.After(patience):
			t.Error("the call goes on")
		}
		g.wantNot(t, "> http_call_response")
	})
	s.check("E-13", 1, "a thousand reloads leave no goroutine, timer or instance behind", thousandReloads)
}

// shutDown ends the only plugin, as a config that does not have it any more does, and waits for it.
func (g *gateway) shutDown(t *testing.T) {
	t.Helper()
	g.Close()
	g.release()
	g.plugins[0].Close()
	select {
	case <-g.plugins[0].Freed():
	case <-time.After(patience):
		t.Fatal("the plugin does not end")
	}
}

// wantLast fails unless the guest's log ends with these lines, beside lines of hostcalls.
func (g *gateway) wantLast(t *testing.T, want ...string) {
	t.Helper()
	log := g.log()
	if len(log) < len(want) {
		t.Fatalf("log %q", log)
	}
	for i, line := range log[len(log)-len(want):] {
		if len(line) < len(want[i]) || line[:len(want[i])] != want[i] {
			t.Errorf("the log ends with %q, want %q", log[len(log)-len(want):], want)
			return
		}
	}
}

// thousandReloads changes the configuration of a plugin, and then the plugin. That no goroutine is left is seen at the end
// of all tests (goleak).
func thousandReloads(t *testing.T) {
	code, ctx := probeCode(t), context.Background()
	open := func(config string) *plugin.Plugin {
		p, err := plugin.Open(ctx, plugin.Spec{Name: "probe", Code: code, Config: config, Instances: 1},
			plugin.Deps{Code: compiled, Shared: shared.NewStore(), Log: zap.NewNop()})
		if err != nil {
			t.Fatal(err)
		}
		p.Start()
		return p
	}
	kept := open("configure: tick 1000; queue q")
	for i := range 900 {
		c, err := kept.Context(ctx, fmt.Sprintf("configure: tick 1000; queue q%d", i%8))
		if err != nil {
			t.Fatal(err)
		}
		c.Release()
	}
	if s := kept.Snapshot(); s.Contexts != 1 || len(s.Instances) != 1 || kept.Stats().Created != 1 {
		t.Errorf("left are %+v", s)
	}
	closing := []*plugin.Plugin{kept}
	for i := range 100 {
		closing = append(closing, open(fmt.Sprintf("configure: tick 1000; queue q%d", i)))
	}
	for _, p := range closing {
		p.Close()
		select {
		case <-p.Freed():
		case <-time.After(patience):
			t.Fatal("a plugin is not freed")
		}
	}
}
