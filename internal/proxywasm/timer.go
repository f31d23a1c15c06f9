package proxywasm

import (
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "Timers". A period belongs to the plugin context; the next one is armed after the callback returned, so ticks
// neither overlap nor pile up.

func (in *Instance) setTickPeriod(p params) abi.Status {
	pc := in.effective.plugin
	if pc == nil {
		return abi.StatusOK
	}
	pc.stopTick()
	pc.tickPeriod = 0
	if ms := p.u32(0); ms > 0 {
		asked, least := time.Duration(ms)*time.Millisecond, in.module.options.Limits.TickPeriod
		if asked < least {
			in.hit(LimitTickPeriod)
		}
		pc.tickPeriod = max(asked, least)
		pc.armTick()
	}
	return abi.StatusOK
}

// armTick runs under the instance's lock.
func (pc *PluginContext) armTick() {
	if pc.tickPeriod == 0 || !pc.in.ticking || pc.tickTimer != nil || pc.ended || pc.in.Err() != nil {
		return
	}
	pc.tickTimer = time.AfterFunc(pc.tickPeriod, pc.onTick)
}

func (pc *PluginContext) stopTick() {
	if pc.tickTimer != nil {
		pc.tickTimer.Stop()
		pc.tickTimer = nil
	}
}

func (pc *PluginContext) onTick() {
	in := pc.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if pc.ended || pc.tickTimer == nil {
		return
	}
	pc.tickTimer = nil
	if _, err := in.call(in.exports.tick, pc.scope(), 0, uint64(pc.id)); err == nil {
		pc.armTick()
	}
}

func (in *Instance) stopTimers() {
	for _, s := range in.scopes {
		if s.stream == nil {
			s.plugin.stopTick()
			if s.plugin.grace != nil {
				s.plugin.grace.Stop()
			}
		}
	}
}

// Ticking reports whether timers run, see Start.
func (in *Instance) Ticking() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.ticking && in.Err() == nil
}
