package plugin

import (
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

// Snapshot is what the admin API shows of a plugin.
type Snapshot struct {
	Name string `json:"name"`
	// Version is what the module says in its custom section `version`; empty without one.
	Version       string `json:"version,omitempty"`
	SHA256        string `json:"sha256"`
	Size          int    `json:"size"`
	ABIVersion    string `json:"abi_version"`
	VMID          string `json:"vm_id"`
	Phase         string `json:"phase,omitempty"`
	FailurePolicy Policy `json:"failure_policy"`
	// Disabled: it is out of service until a configuration is loaded.
	Disabled bool `json:"disabled"`
	// Handlers are those of all configurations that use it.
	Handlers  int             `json:"handlers"`
	Contexts  int             `json:"contexts"`
	Streams   int             `json:"streams"`
	Traps     int64           `json:"traps"`
	Recycles  int64           `json:"recycles"`
	Hostcalls uint64          `json:"hostcalls"`
	Breaker   BreakerSnapshot `json:"breaker"`
	// Cost is what each phase that has run has cost, by callback.
	Cost      map[string]PhaseSnapshot `json:"cost"`
	Instances []InstanceSnapshot       `json:"instances"`
}

// BreakerSnapshot is the breaker of a plugin.
type BreakerSnapshot struct {
	// State is closed, half_open or open, and Openings how often it opened.
	State    string `json:"state"`
	Openings int64  `json:"openings"`
	// Reason is the failure that opened it, and PauseSeconds for how long it stays open; empty when it is closed.
	Reason       string  `json:"reason,omitempty"`
	PauseSeconds float64 `json:"pause_seconds,omitempty"`
}

func (b *breaker) snapshot() BreakerSnapshot {
	state, reason, pause := b.current(time.Now())
	return BreakerSnapshot{
		State: state.String(), Openings: b.openings.Load(), Reason: reason, PauseSeconds: pause.Round(time.Millisecond).Seconds(),
	}
}

// PhaseSnapshot is what one phase of a plugin has cost.
type PhaseSnapshot struct {
	Calls       uint64  `json:"calls"`
	Seconds     float64 `json:"seconds"`
	MeanSeconds float64 `json:"mean_seconds"`
	// P50Seconds and P99Seconds are read from buckets, each four times as wide as the one before.
	P50Seconds float64 `json:"p50_seconds"`
	P99Seconds float64 `json:"p99_seconds"`
}

// InstanceSnapshot is one instance of a plugin.
type InstanceSnapshot struct {
	AgeSeconds  float64 `json:"age_seconds"`
	MemoryBytes uint32  `json:"memory_bytes"`
	// Requests it has served, and Streams that it has in hand.
	Requests int64 `json:"requests"`
	Streams  int64 `json:"streams"`
	// Ticking says whether the instance's timers run: of one only with tick_mode leader.
	Ticking bool `json:"ticking"`
	// Failure is empty while the instance is usable.
	Failure string `json:"failure,omitempty"`
}

// Snapshot returns the plugin's state.
func (p *Plugin) Snapshot() Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	info := p.module.Info()
	s := Snapshot{
		Name: p.spec.Name, SHA256: p.spec.SHA256, Size: info.Size, ABIVersion: info.ABIVersion, VMID: p.spec.VMID,
		Version: info.Version, Disabled: p.Disabled(),
		Phase: p.spec.Phase, FailurePolicy: p.spec.FailurePolicy, Handlers: p.handlers(), Contexts: len(p.contexts), Streams: p.openStreams(),
		Traps: p.counts.traps.Load(), Recycles: p.counts.recycles.Load(), Breaker: p.breaker.snapshot(), Cost: map[string]PhaseSnapshot{},
	}
	cost, _ := p.costs.sum()
	s.Hostcalls = cost.Hostcalls
	for phase, spent := range &cost.Phases {
		if calls := spent.Count(); calls > 0 {
			s.Cost[proxywasm.Phase(phase).String()] = phaseSnapshot(spent, calls)
		}
	}
	for _, m := range p.members {
		is := InstanceSnapshot{
			AgeSeconds: m.instance.Age().Round(time.Millisecond).Seconds(), MemoryBytes: m.instance.MemoryBytes(), Ticking: m.instance.Ticking(),
			Requests: m.wear.requests.Load(), Streams: m.wear.streams.Load(),
		}
		if err := m.instance.Err(); err != nil {
			is.Failure = err.Error()
		}
		s.Instances = append(s.Instances, is)
	}
	return s
}

func phaseSnapshot(spent proxywasm.PhaseCost, calls uint64) PhaseSnapshot {
	return PhaseSnapshot{
		Calls: calls, Seconds: spent.Time.Seconds(), MeanSeconds: spent.Time.Seconds() / float64(calls),
		P50Seconds: spent.Quantile(0.5).Seconds(), P99Seconds: spent.Quantile(0.99).Seconds(),
	}
}

// handlers counts who has taken a context. The plugin itself is one of the users of its own. The lock must be held.
func (p *Plugin) handlers() int {
	p.count.Lock()
	defer p.count.Unlock()
	n := -1
	for _, c := range p.contexts {
		n += c.users
	}
	return n
}

func (p *Plugin) openStreams() int {
	p.count.Lock()
	defer p.count.Unlock()
	return p.streams
}
