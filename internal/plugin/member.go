package plugin

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

const (
	// firstBackoff and maxBackoff bound the pause before a dead instance is replaced; it doubles with every death until
	// an instance has lived for healthyAfter.
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
	healthyAfter = time.Minute
)

// member is one instance of a plugin's pool.
type member struct {
	plugin   *Plugin
	instance *proxywasm.Instance
	contexts map[*Context]*proxywasm.PluginContext // under the plugin's lock once the member is in the pool
	deaths   int                                   // of this place in the pool, in a row
	wear     *wear
}

func (m *member) configure(ctx context.Context, c *Context) error {
	pc, err := m.instance.NewPluginContext(ctx, proxywasm.PluginConfig{
		Name: m.plugin.spec.Name, RootID: m.plugin.spec.RootID, Configuration: c.config,
	})
	if err != nil {
		return err
	}
	m.contexts[c] = pc
	c.in.Store(m, pc)
	return nil
}

func (m *member) drop(c *Context) {
	if pc := m.contexts[c]; pc != nil {
		delete(m.contexts, c)
		c.in.Delete(m)
		pc.Close(context.Background())
	}
}

// onDeath takes a dead instance out of the pool and has it replaced.
func (p *Plugin) onDeath(m *member, cause error) {
	p.counts.traps.Add(1)
	p.log.get().Error("plugin instance failed", zap.String("plugin", p.spec.Name),
		zap.String("failure_policy", string(p.spec.FailurePolicy)), zap.Error(cause))
	p.failed(cause)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.publish()
	p.startTimers()
	if m.wear.leaving.Load() { // a fresh instance has its place already
		return
	}
	if p.spec.staysFailed() || p.life.Err() != nil {
		return
	}
	if m.instance.Age() > healthyAfter {
		m.deaths = 0
	}
	p.jobs.Go(func() { p.replace(m) })
}

// replace starts a fresh instance in the place of a dead one, as often as it takes.
func (p *Plugin) replace(old *member) {
	for deaths := old.deaths; ; deaths++ {
		if !p.sleep(backoff(deaths)) {
			return
		}
		err := p.tryReplace(old, deaths+1)
		if err == nil || p.life.Err() != nil {
			return
		}
		p.counts.reloadFailures.Add(1)
		p.failed(err)
		p.log.get().Error("replacing a plugin instance", zap.String("plugin", p.spec.Name), zap.Error(err))
	}
}

func (p *Plugin) tryReplace(old *member, deaths int) error {
	taken, err := p.takePlace(old, deaths)
	if err != nil || !taken {
		return err
	}
	p.counts.reloads.Add(1)
	p.log.get().Info("plugin instance replaced", zap.String("plugin", p.spec.Name))
	return p.closeInstance(p.life, old.instance)
}

// takePlace starts a fresh instance in the place of old, which takes no more streams from then on. It reports false when old has no place
// (any more).
func (p *Plugin) takePlace(old *member, deaths int) (bool, error) {
	p.mu.Lock()
	contexts := slices.Collect(maps.Values(p.contexts))
	p.mu.Unlock()
	fresh, err := p.newMember(p.life, contexts)
	if err != nil {
		return false, err
	}
	fresh.deaths = deaths
	p.mu.Lock()
	defer p.mu.Unlock()
	place := slices.Index(p.members, old)
	if place < 0 { // old died before it was in the pool, and whoever started it tries again; or it was recycled
		return false, p.closeInstance(p.life, fresh.instance)
	}
	if err := p.catchUp(fresh); err != nil {
		return false, errors.Join(err, p.closeInstance(p.life, fresh.instance))
	}
	p.members[place] = fresh
	for c := range old.contexts {
		c.in.Delete(old)
	}
	p.publish()
	if p.leader == old { // before another one leads
		p.leader = nil
		old.instance.Stop()
	}
	p.startTimers()
	old.leave() // after publish: who finds that it has left looks for another one
	return true, nil
}

// catchUp gives a fresh instance the contexts that came, and ends those that went, while it started.
func (p *Plugin) catchUp(fresh *member) error {
	for _, c := range p.contexts {
		if fresh.contexts[c] == nil {
			if err := fresh.configure(p.life, c); err != nil {
				return err
			}
		}
	}
	for c := range fresh.contexts {
		if p.contexts[c.config] != c {
			fresh.drop(c)
		}
	}
	return nil
}

func (p *Plugin) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.life.Done():
		return false
	}
}

// backoff doubles from firstBackoff to maxBackoff, less up to a quarter, so that instances do not come back in step.
func backoff(deaths int) time.Duration {
	d := firstBackoff << min(deaths, 10)
	d = min(d, maxBackoff)
	return d - rand.N(d/4)
}

// staysFailed reports whether a failed instance is not replaced, as with Envoy's FAIL_CLOSED.
func (s Spec) staysFailed() bool {
	return s.FailurePolicy == PolicyClosed && s.Profile == proxywasm.ProfileEnvoy
}
