package plugin

import (
	"sync"
	"testing"
	"time"
)

// exchange runs one stream with a request and a response.
func exchange(t *testing.T, c *Context) {
	t.Helper()
	s, err := c.NewStream(noExchange{})
	if err != nil {
		t.Error(err)
		return
	}
	if v := s.RequestHeaders(0, true); v.Err != nil {
		t.Error(v.Err)
	}
	if v := s.ResponseHeaders(0, true); v.Err != nil {
		t.Error(v.Err)
	}
	s.Finish()
}

func drained(p *Plugin) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.draining) == 0
}

// A plugin that leaks with each request gives its memory back, with two configurations and under load, and no request fails.
func TestLeakIsGivenBack(t *testing.T) {
	const mark = 4 << 20
	spec := probeSpec(t, "request_headers: grow 4")
	spec.Recycle.Memory = mark
	p, _ := open(t, spec)
	defer p.Close()
	p.Start()
	own, route := mustContext(t, p, spec.Config), mustContext(t, p, "request_headers: grow 3")
	defer own.Release()
	defer route.Release()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for p.Stats().Recycles < 6 && !t.Failed() {
				exchange(t, own)
				exchange(t, route)
			}
		})
	}
	all.Wait()
	// What drained is closed a moment later.
	eventually(t, "the memory comes back", func() bool { return drained(p) && p.mostWorn() == nil && p.Stats().Memory < 2*mark })
	s := p.Stats()
	if s.Traps != 0 || s.ReloadFailures != 0 || s.Instances != 2 || s.Streams != 0 {
		t.Errorf("%+v", s)
	}
}

// A stream stays on its instance for life, also while that is replaced; then the old instance ends as it should.
func TestRecycledInstanceDrains(t *testing.T) {
	const script = "request_headers: grow 100\nresponse_headers: log 2 late"
	spec := probeSpec(t, script)
	spec.Instances, spec.Recycle.Memory = 1, 4<<20
	p, logs := open(t, spec)
	defer p.Close()
	p.Start()
	c := mustContext(t, p, script)
	defer c.Release()
	pinned, err := c.NewStream(noExchange{})
	if err != nil {
		t.Fatal(err)
	}
	pinned.RequestHeaders(0, true)
	p.wake()
	eventually(t, "the instance is recycled", func() bool { return p.Stats().Recycles == 1 })
	if n := logged(logs, "probe: > delete ctx=1"); n != 0 || drained(p) {
		t.Error("the old instance has ended although a stream is on it")
	}
	if m := (*p.live.Load())[0]; m.instance == pinned.member.instance || m.instance.MemoryBytes() >= 4<<20 {
		t.Error("the fresh instance is not in the pool")
	}
	if v := pinned.ResponseHeaders(0, true); v.Err != nil {
		t.Error(v.Err)
	}
	pinned.Finish()
	eventually(t, "the old instance ends", func() bool { return drained(p) })
	if logs.FilterMessage("late").Len() != 1 || logged(logs, "probe: > done ctx=1") != 1 || logged(logs, "probe: > delete ctx=1") != 1 {
		t.Errorf("logs %v", logs.All())
	}
}

// The plugin is freed while an instance drains: by the stream on it, which is the last one.
func TestFreedWhileDraining(t *testing.T) {
	spec := probeSpec(t, "request_headers: grow 100")
	spec.Recycle.Memory = 4 << 20
	p, logs := open(t, spec)
	p.Start()
	c := mustContext(t, p, spec.Config)
	s, err := c.NewStream(noExchange{})
	if err != nil {
		t.Fatal(err)
	}
	s.RequestHeaders(0, true)
	p.wake()
	eventually(t, "the instance is recycled", func() bool { return p.Stats().Recycles == 1 })
	c.Release()
	p.Close()
	s.Finish()
	<-p.Freed()
	if n := logged(logs, "probe: > delete ctx=1"); n != 3 {
		t.Errorf("%d of 3 plugin contexts were deleted", n)
	}
}

// A leader that is recycled hands its timers over.
func TestRecycledLeader(t *testing.T) {
	spec := probeSpec(t, "vm_start: tick 20")
	spec.TickMode, spec.Recycle.Requests = TickLeader, 3
	p, logs := open(t, spec)
	defer p.Close()
	p.Start()
	c := mustContext(t, p, spec.Config)
	defer c.Release()
	pinned, err := c.NewStream(noExchange{}) // so that whoever is recycled goes on for a while
	if err != nil {
		t.Fatal(err)
	}
	for p.Stats().Recycles < 2 {
		exchange(t, c)
	}
	p.mu.Lock()
	ticking := 0
	for _, m := range append(p.draining[:len(p.draining):len(p.draining)], p.members...) {
		if m.instance.Ticking() {
			ticking++
		}
	}
	p.mu.Unlock()
	if ticking != 1 {
		t.Errorf("the timers of %d instances run", ticking)
	}
	before := ticks(logs)
	eventually(t, "the new leader ticks", func() bool { return ticks(logs) > before+2 })
	pinned.Finish()
}

func TestRecycledForItsAge(t *testing.T) {
	spec := probeSpec(t, "")
	spec.Recycle.Age = time.Millisecond
	p, _ := open(t, spec)
	defer p.Close()
	p.Start()
	eventually(t, "both instances are recycled without a request", func() bool { return p.Stats().Recycles >= 2 && drained(p) })
}

// What a plugin needs to start is no sign of wear: it would be recycled for ever.
func TestMarkBelowTheStart(t *testing.T) {
	spec := probeSpec(t, "vm_start: grow 100")
	spec.Recycle.Memory = 1
	p, _ := open(t, spec)
	defer p.Close()
	c := mustContext(t, p, spec.Config)
	defer c.Release()
	exchange(t, c)
	if p.mostWorn() != nil {
		t.Error("a fresh instance counts as worn")
	}
}
