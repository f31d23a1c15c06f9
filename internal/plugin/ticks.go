package plugin

// startTimers lets the timers of the instances run: of all of them, or of one living instance with TickLeader. It is called
// again when an instance has died or was replaced; an instance that runs already is left alone. A dead instance has
// stopped its timers before anybody hears of its death, so two leaders never tick. The plugin's lock must be held.
func (p *Plugin) startTimers() {
	if !p.started || p.disabled.Load() || p.life.Err() != nil {
		return
	}
	if p.spec.TickMode != TickLeader {
		for _, m := range *p.live.Load() {
			m.instance.Start()
		}
		return
	}
	if p.leader != nil && p.leader.instance.Err() == nil {
		return
	}
	p.leader = nil
	if live := *p.live.Load(); len(live) > 0 {
		p.leader = live[0]
		p.leader.instance.Start()
	}
}
