package conformance

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest/observer"

	"github.com/loom-gateway/loom/internal/plugin"
)

func timers(s *suite) {
	s.check("X-11", 1, "ticks come about every period, first after one; 0 stops them, another period replaces the first", func(t *testing.T) {
		const period = 20 * time.Millisecond
		g := serve(t, setup{plugins: []plugin.Spec{probe("vm_start: tick 20", named("stopped")), probe("vm_start: tick 3600000\nrequest_headers: tick 10", named("clock"))}})
		began := time.Now()
		eventually(t, "three ticks", func() bool { return len(g.ticks("stopped")) >= 3 })
		last := began
		for i, tick := range g.ticks("stopped") {
			if tick.Time.Sub(last) < period/2 && i > 0 {
				t.Errorf("tick %d came %s after the one before", i, tick.Time.Sub(last))
			}
			last = tick.Time
		}
		if n := len(g.ticks("clock")); n != 0 {
			t.Errorf("%d ticks of a period of an hour", n)
		}
		g.do(t, "GET", "/", nil) // its context is a stream of the plugin clock, which ticks from now on
		eventually(t, "ticks of the new period", func() bool { return len(g.ticks("clock")) >= 3 })
		stops := serve(t, setup{plugins: []plugin.Spec{probe("vm_start: tick 10\nrequest_headers: tick 0", named("stopped")), probe("vm_start: tick 10", named("clock"))}})
		eventually(t, "a tick", func() bool { return len(stops.ticks("stopped")) > 0 })
		stops.do(t, "GET", "/", nil)
		n, clock := len(stops.ticks("stopped")), len(stops.ticks("clock"))
		eventually(t, "the other plugin's ticks", func() bool { return len(stops.ticks("clock")) > clock+5 })
		if now := len(stops.ticks("stopped")); now != n {
			t.Errorf("%d ticks after the stop", now-n)
		}
	})
	s.check("X-12", 1, "a tick never runs beside another callback of its instance", func(t *testing.T) {
		work := strings.Repeat("; value 1", 20)
		g := serve(t, setup{plugins: []plugin.Spec{probe("vm_start: metric 0 n; tick 10\ntick: inc 1 1" + work + "\nrequest_headers: inc 1 1" + work)}})
		for len(g.find("> tick")) < 5 {
			g.do(t, "GET", "/", nil)
		}
		own := 0
		for _, line := range g.log() {
			switch {
			case strings.HasPrefix(line, "> ") && own > 0:
				t.Fatalf("%q came in the middle of another callback", line)
			case strings.HasPrefix(line, "> tick"), strings.HasPrefix(line, "> request_headers"):
				own = 21
			case strings.HasPrefix(line, "  ") && own > 0:
				own--
			}
		}
	})
	s.check("X-13", 2, "a period that a stream sets is that of the plugin's root", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: tick 10")}})
		g.do(t, "GET", "/", nil)
		g.await(t, 2, "> tick ctx=1 ")
	})
	s.check("X-14", 2, "every instance ticks, or with tick_mode leader one living instance", func(t *testing.T) {
		for mode, want := range map[plugin.TickMode]int{plugin.TickAll: 3, plugin.TickLeader: 1} {
			g := serve(t, setup{plugins: []plugin.Spec{probe("vm_start: tick 10\nrequest_headers: trap", func(s *plugin.Spec) { s.Instances, s.TickMode = 3, mode })}})
			if n := g.ticking(); n != want {
				t.Errorf("%s: %d instances tick", mode, n)
			}
			for range 3 { // each instance once
				g.do(t, "GET", "/", nil)
			}
			eventually(t, "fresh instances that tick as before", func() bool { return g.ticking() == want && g.living() == 3 })
			n := len(g.find("> tick"))
			g.await(t, n+2, "> tick")
		}
	})
	s.check("X-15", 2, "ticks need no requests", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("configure: tick 10")}})
		g.await(t, 3, "> tick")
		g.wantNot(t, "> request_headers")
	})
}

func named(name string) func(*plugin.Spec) { return func(s *plugin.Spec) { s.Name = name } }

// ticks are the ticks of a plugin in the log.
func (g *gateway) ticks(plugin string) (list []observer.LoggedEntry) {
	for _, e := range g.logs.All() {
		if strings.HasPrefix(e.Message, "probe: > tick") && e.ContextMap()["plugin"] == plugin {
			list = append(list, e)
		}
	}
	return list
}

// ticking counts the instances whose timers run, living those that are usable.
func (g *gateway) ticking() (n int) {
	for _, in := range g.plugins[0].Snapshot().Instances {
		if in.Ticking {
			n++
		}
	}
	return n
}

func (g *gateway) living() (n int) {
	for _, in := range g.plugins[0].Snapshot().Instances {
		if in.Failure == "" {
			n++
		}
	}
	return n
}
