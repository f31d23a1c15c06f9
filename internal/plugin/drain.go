package plugin

import (
	"context"
	"slices"

	"go.uber.org/zap"
)

// A plugin that no config has any more goes on until its last stream has finished.

// Close releases the plugin. It is freed when its last stream has finished.
func (p *Plugin) Close() {
	p.count.Lock()
	again := p.closed
	p.closed = true
	idle := p.streams == 0
	p.count.Unlock()
	if idle && !again {
		p.free()
	}
}

// Destruct is Close in the words of caddy.UsagePool.
func (p *Plugin) Destruct() error {
	p.Close()
	return nil
}

// acquire counts a stream, release gives it back; the last one of a closed plugin frees it.
func (p *Plugin) acquire(c *Context) error {
	p.count.Lock()
	defer p.count.Unlock()
	if p.closed && p.streams == 0 {
		return ErrUnavailable
	}
	p.streams++
	c.streams++
	return nil
}

func (p *Plugin) release(c *Context) {
	p.count.Lock()
	p.streams--
	c.streams--
	unused, last := c.unused(), p.closed && p.streams == 0
	p.count.Unlock()
	switch {
	case last:
		p.free()
	case unused:
		p.remove(c)
	}
}

// remove ends a context that nobody uses.
func (p *Plugin) remove(c *Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.contexts[c.config] == c {
		delete(p.contexts, c.config)
	}
	p.endContext(c)
}

// free ends everything. Nothing uses the plugin any more but guests that have something to finish (proxy_on_done answered
// 0): for them it goes on in the background.
func (p *Plugin) free() {
	p.mu.Lock()
	p.end() // under the lock: no replacement begins from here on
	p.mu.Unlock()
	p.jobs.Wait()
	var busy []<-chan struct{}
	for _, m := range slices.Concat(p.members, p.draining) {
		if m == nil {
			continue
		}
		quiet := m.instance.Shutdown()
		select {
		case <-quiet:
		default:
			busy = append(busy, quiet)
		}
	}
	if len(busy) == 0 {
		p.freeNow()
		return
	}
	go func() {
		for _, quiet := range busy {
			<-quiet
		}
		p.freeNow()
	}()
}

func (p *Plugin) freeNow() {
	ctx := context.Background()
	for _, m := range slices.Concat(p.members, p.draining) {
		if m != nil {
			_ = p.closeInstance(ctx, m.instance)
		}
	}
	p.calls.Close()
	if p.module != nil {
		if err := p.module.Close(ctx); err != nil {
			p.log.get().Warn("closing a plugin's module", zap.String("plugin", p.spec.Name), zap.Error(err))
		}
	}
	p.space.Close()
	p.guestLog.report()
	close(p.freed)
}

// Freed is closed when nothing is left of a plugin after Close: its streams have finished, and its guests.
func (p *Plugin) Freed() <-chan struct{} { return p.freed }
