package plugin

import (
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

// stats counts what becomes of instances, for metrics: readable at any time, also while instances start.
type stats struct {
	created, traps, reloads, reloadFailures, recycles atomic.Int64
}

// Stats are the counts of a plugin since it was opened.
type Stats struct {
	// Instances are usable now, and Streams open.
	Instances, Streams int
	// Created counts instances that started, Traps those that failed, Reloads those that took the place of one that failed,
	// Recycles those that took the place of one that had not, and ReloadFailures the attempts at both that failed.
	Created, Traps, Reloads, Recycles, ReloadFailures int64
	// Disabled: it is out of service.
	Disabled bool
	// Breaker is the state of the breaker, BreakerOpenings how often it opened, BreakerRefusals the requests that it kept out.
	Breaker                          BreakerState
	BreakerOpenings, BreakerRefusals int64
	// Memory of the guests now, in bytes.
	Memory int64
	// Cost of the guests' code.
	Cost proxywasm.Cost
	// LimitHits are how often each limit took effect.
	LimitHits map[proxywasm.Limit]int64
	// Denials are how often the plugin wanted what it may not, by proxywasm.Denied.
	Denials [4]int64
}

// Stats returns the counts. It waits for nothing.
func (p *Plugin) Stats() Stats {
	s := Stats{
		Streams: p.openStreams(), Disabled: p.Disabled(),
		Created: p.counts.created.Load(), Traps: p.counts.traps.Load(),
		Reloads: p.counts.reloads.Load(), Recycles: p.counts.recycles.Load(), ReloadFailures: p.counts.reloadFailures.Load(),
	}
	s.Breaker, _, _ = p.breaker.current(time.Now())
	s.BreakerOpenings, s.BreakerRefusals = p.breaker.openings.Load(), p.breaker.refused.Load()
	s.Denials = p.module.Denials()
	s.Cost, s.Memory = p.costs.sum()
	s.LimitHits = map[proxywasm.Limit]int64{}
	for _, l := range proxywasm.CountedLimits() {
		s.LimitHits[l] = p.hits.Of(l)
	}
	s.LimitHits[proxywasm.LimitCallTimeout] = int64(s.Cost.CallTimeouts)
	if live := p.live.Load(); live != nil {
		for _, m := range *live {
			if m.instance.Err() == nil {
				s.Instances++
			}
		}
	}
	return s
}
