package plugin

import (
	"strings"
	"testing"

	"go.uber.org/zap/zaptest/observer"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

// ticks counts the tick callbacks in the log.
func ticks(logs *observer.ObservedLogs) int {
	n := 0
	for _, e := range logs.All() {
		if strings.HasPrefix(e.Message, "probe: > tick ") {
			n++
		}
	}
	return n
}

// The timers of one instance run; when it dies another takes over, and a fresh one in its place stays quiet.
func TestTheLeaderTicks(t *testing.T) {
	s := probeSpec(t, "vm_start: tick 20")
	s.TickMode = TickLeader
	s.Instances = 3
	p, logs := open(t, s)
	defer p.Close()
	p.Start()
	eventually(t, "the leader ticks", func() bool { return ticks(logs) >= 3 })
	ticking := func() (list []int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, m := range p.members {
			if m.instance.Err() == nil && m.instance.Ticking() {
				list = append(list, i)
			}
		}
		return list
	}
	if list := ticking(); len(list) != 1 || list[0] != 0 {
		t.Fatalf("the instances %v tick", list)
	}
	first := p.leader.instance
	kill(t, p)
	eventually(t, "another instance leads", func() bool {
		list := ticking()
		return first.Err() != nil && len(list) == 1
	})
	before := ticks(logs)
	eventually(t, "the new leader ticks", func() bool { return ticks(logs) > before+2 })
	eventually(t, "the dead instance is replaced", func() bool { return len(*p.live.Load()) == 3 })
	if list := ticking(); len(list) != 1 {
		t.Errorf("the instances %v tick", list)
	}
}

// kill makes the leader trap.
func kill(t *testing.T, p *Plugin) {
	t.Helper()
	c := mustContext(t, p, "request_headers: trap")
	defer c.Release()
	pc, ok := c.in.Load(p.members[0])
	if !ok {
		t.Fatal("the leader has no context")
	}
	stream, err := pc.(*proxywasm.PluginContext).NewStream(noExchange{})
	if err != nil {
		t.Fatal(err)
	}
	if v := stream.RequestHeaders(0, true); v.Err == nil {
		t.Error("the leader has not trapped")
	}
	stream.Finish()
}
