package plugin

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

// WebAssembly's memory only grows, so what a guest leaks, or needed once, is given back only by a fresh instance in the
// place of the old one. Nothing is wrong with the old one: it goes on until the fresh one has taken over, and until its own
// streams have finished.

// Recycle says when an instance is replaced although it has not failed.
type Recycle struct {
	// Memory is the size of the linear memory in bytes. Default: three quarters of the limit.
	Memory int64
	// Age and Requests: 0 is never. Of both up to a quarter is taken off by chance, so that instances do not go in step.
	Age      time.Duration
	Requests int64
}

const (
	// recycleInterval is how often instances are looked at that no stream ends on: their age, and what ticks leak.
	recycleInterval = time.Second
	// recyclePause is the pause after an instance was recycled, as a multiple of the time that took: a plugin that always
	// needs more memory than its mark spends at most a tenth of a processor on fresh instances.
	recyclePause = 10

	// pageSize is a page of WebAssembly memory.
	pageSize = 64 << 10
)

// wear is how much an instance is used, and how much it may be.
type wear struct {
	streams  atomic.Int64 // open
	requests atomic.Int64 // streams that were opened
	leaving  atomic.Bool  // takes no streams any more
	idle     chan struct{}

	maxMemory, maxRequests int64
	maxAge                 time.Duration
}

// newWear is for an instance that is configured; what it needs for that is no sign of wear.
func newWear(s Spec, in *proxywasm.Instance) *wear {
	w := &wear{idle: make(chan struct{}, 1), maxMemory: s.Recycle.Memory, maxRequests: math.MaxInt64, maxAge: math.MaxInt64}
	if begin := int64(in.MemoryBytes()); begin >= w.maxMemory {
		if w.maxMemory = (begin + s.memoryLimit()) / 2; w.maxMemory <= begin {
			w.maxMemory = math.MaxInt64
		}
	}
	if s.Recycle.Age > 0 {
		w.maxAge = jittered(s.Recycle.Age)
	}
	if s.Recycle.Requests > 0 {
		w.maxRequests = jittered(s.Recycle.Requests)
	}
	return w
}

// jittered takes up to a quarter off.
func jittered[T time.Duration | int64](n T) T { return n - rand.N(n/4+1) }

// worn reports whether a fresh instance should take the place.
func (m *member) worn() bool { return m.usedUp() || m.instance.Age() >= m.wear.maxAge }

// usedUp is worn by what streams do. It is asked at the end of each, and so looks at no clock.
func (m *member) usedUp() bool {
	return m.wear.requests.Load() >= m.wear.maxRequests || int64(m.instance.MemoryBytes()) >= m.wear.maxMemory
}

// acquire counts a stream, unless the instance takes none any more. It and leave look in opposite order at what the other
// writes, so no stream opens on an instance that is taken for idle.
func (m *member) acquire() bool {
	m.wear.streams.Add(1)
	if m.wear.leaving.Load() {
		m.release()
		return false
	}
	m.wear.requests.Add(1)
	return true
}

// release gives a stream back.
func (m *member) release() {
	if m.wear.streams.Add(-1) == 0 && m.wear.leaving.Load() {
		m.tellIdle()
	}
}

// leave makes the instance take no more streams.
func (m *member) leave() {
	m.wear.leaving.Store(true)
	if m.wear.streams.Load() == 0 {
		m.tellIdle()
	}
}

func (m *member) tellIdle() {
	select {
	case m.wear.idle <- struct{}{}:
	default:
	}
}

// wake has the recycler look at the instances now.
func (p *Plugin) wake() {
	select {
	case p.worn <- struct{}{}:
	default:
	}
}

// recycler replaces worn instances, one after the other, until the plugin is freed.
func (p *Plugin) recycler() {
	ticker := time.NewTicker(recycleInterval)
	defer ticker.Stop()
	failures := 0
	for {
		select {
		case <-p.life.Done():
			return
		case <-p.worn:
		case <-ticker.C:
		}
		old := p.mostWorn()
		if old == nil {
			continue
		}
		pause, err := p.recycle(old)
		if failures++; err == nil {
			failures = 0
			p.wake() // there may be another one
		} else if p.life.Err() == nil {
			pause = backoff(failures)
			p.counts.reloadFailures.Add(1)
			p.log.get().Error("recycling a plugin instance; the old one goes on", zap.String("plugin", p.spec.Name), zap.Error(err))
		}
		if !p.sleep(pause) {
			return
		}
	}
}

// mostWorn finds the oldest of the instances that are worn. Those that still have streams count: as many of them as the
// plugin has instances, so that long streams cannot pile up memory.
func (p *Plugin) mostWorn() (oldest *member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.draining) >= len(p.members) {
		return nil
	}
	for _, m := range *p.live.Load() {
		if m.worn() && m.instance.Err() == nil && (oldest == nil || m.instance.Age() > oldest.instance.Age()) {
			oldest = m
		}
	}
	return oldest
}

// recycle puts a fresh instance in the place of one that is worn. It returns for how long the next one has to wait.
func (p *Plugin) recycle(old *member) (time.Duration, error) {
	began := time.Now()
	taken, err := p.takePlace(old, old.deaths)
	if err != nil {
		return 0, err
	}
	if taken {
		p.counts.recycles.Add(1)
		p.log.get().Info("plugin instance recycled", zap.String("plugin", p.spec.Name), zap.Duration("age", old.instance.Age()),
			zap.Uint32("memory", old.instance.MemoryBytes()), zap.Int64("requests", old.wear.requests.Load()))
		p.mu.Lock()
		p.draining = append(p.draining, old)
		p.mu.Unlock()
		p.jobs.Go(func() { p.retire(old) })
	}
	return min(recyclePause*time.Since(began), maxBackoff), nil
}

// retire ends an instance that was replaced when its last stream has finished. When the plugin is freed meanwhile, that
// does it.
func (p *Plugin) retire(old *member) {
	select {
	case <-old.wear.idle:
	case <-p.life.Done():
		return
	}
	select {
	case <-old.instance.Shutdown():
	case <-p.life.Done():
		return
	}
	p.mu.Lock()
	p.draining = slices.DeleteFunc(p.draining, func(m *member) bool { return m == old })
	p.mu.Unlock()
	if err := p.closeInstance(context.Background(), old.instance); err != nil {
		p.log.get().Warn("closing a recycled instance", zap.String("plugin", p.spec.Name), zap.Error(err))
	}
}
