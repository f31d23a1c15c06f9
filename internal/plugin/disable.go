package plugin

import "fmt"

// ErrDisabled is a plugin that somebody has taken out of service.
var ErrDisabled = fmt.Errorf("%w: it is disabled until a configuration is loaded", ErrUnavailable)

// SetDisabled takes the plugin out of service, or back into it, and reports whether that changed anything. Out of service it
// gets no new streams, for which its failure policy answers, and its timers stand still; streams that it has go on. Its
// instances stay, so that it is back at once.
func (p *Plugin) SetDisabled(disabled bool) (changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.disabled.Swap(disabled) == disabled {
		return false
	}
	if !disabled {
		p.startTimers()
		return true
	}
	p.leader = nil
	for _, m := range *p.live.Load() {
		m.instance.Stop()
	}
	return true
}

// Disabled reports whether the plugin is out of service.
func (p *Plugin) Disabled() bool { return p.disabled.Load() }
