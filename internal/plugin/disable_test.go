package plugin

import (
	"errors"
	"testing"
)

// A disabled plugin takes no streams and its timers stand still; what it has in hand goes on, and it comes back as it was.
func TestDisabled(t *testing.T) {
	for _, mode := range []TickMode{TickAll, TickLeader} {
		s := probeSpec(t, "vm_start: tick 20")
		s.TickMode = mode
		p, logs := open(t, s)
		p.Start()
		c := mustContext(t, p, s.Config)
		eventually(t, "it ticks", func() bool { return ticks(logs) > 0 })
		inHand, err := c.NewStream(noExchange{})
		if err != nil {
			t.Fatal(err)
		}
		if !p.SetDisabled(true) || p.SetDisabled(true) || !p.Snapshot().Disabled {
			t.Error("it is not disabled, or was twice")
		}
		if _, err := c.NewStream(noExchange{}); !errors.Is(err, ErrDisabled) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("a new stream: %v", err)
		}
		for _, in := range p.Snapshot().Instances {
			if in.Ticking {
				t.Errorf("%s: an instance ticks", mode)
			}
		}
		if v := inHand.RequestHeaders(0, true); v.Err != nil {
			t.Errorf("the stream in hand: %v", v.Err)
		}
		inHand.Finish()
		if !p.SetDisabled(false) || p.Snapshot().Disabled {
			t.Error("it is still disabled")
		}
		before := ticks(logs)
		eventually(t, "it ticks again", func() bool { return ticks(logs) > before })
		again, err := c.NewStream(noExchange{})
		if err != nil {
			t.Fatal(err)
		}
		again.Finish()
		p.Close()
	}
}

// A snapshot says who uses the plugin, and what its instances have served.
func TestSnapshotCountsUse(t *testing.T) {
	p, _ := open(t, probeSpec(t, "request_headers: return 0"))
	defer p.Close()
	if n := p.Snapshot().Handlers; n != 0 {
		t.Errorf("%d handlers use a plugin that nobody has asked for", n)
	}
	own, other := mustContext(t, p, p.spec.Config), mustContext(t, p, "request_headers: return 1")
	for range 4 {
		s, err := other.NewStream(noExchange{})
		if err != nil {
			t.Fatal(err)
		}
		s.RequestHeaders(0, true)
		s.Finish()
	}
	s := p.Snapshot()
	if in := s.Instances; s.Handlers != 2 || in[0].Requests+in[1].Requests != 4 || in[0].Streams+in[1].Streams != 0 {
		t.Errorf("%d handlers, instances %+v", s.Handlers, in)
	}
	if cost := s.Cost["on_request_headers"]; cost.Calls != 4 || cost.MeanSeconds <= 0 || cost.P50Seconds <= 0 || cost.P99Seconds < cost.P50Seconds {
		t.Errorf("cost %+v", cost)
	}
	own.Release()
	other.Release()
	if n := p.Snapshot().Handlers; n != 0 {
		t.Errorf("%d handlers are left", n)
	}
}
