package plugin

import "sync/atomic"

// stats counts what becomes of instances, for metrics: readable at any time, also while instances start.
type stats struct {
	created, traps, reloads, reloadFailures atomic.Int64
}

// Stats are the counts of a plugin since it was opened.
type Stats struct {
	// Instances are usable now, and Streams open.
	Instances, Streams int
	// Created counts instances that started, Traps those that failed, Reloads those that took the place of one that failed,
	// and ReloadFailures the attempts at it that failed as well.
	Created, Traps, Reloads, ReloadFailures int64
}

// Stats returns the counts. It waits for nothing.
func (p *Plugin) Stats() Stats {
	s := Stats{
		Streams: p.openStreams(),
		Created: p.counts.created.Load(), Traps: p.counts.traps.Load(),
		Reloads: p.counts.reloads.Load(), ReloadFailures: p.counts.reloadFailures.Load(),
	}
	if live := p.live.Load(); live != nil {
		for _, m := range *live {
			if m.instance.Err() == nil {
				s.Instances++
			}
		}
	}
	return s
}
