package plugin

import (
	"errors"
	"sync"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// ErrUnavailable is a plugin none of whose instances is usable now.
var ErrUnavailable = errors.New("no instance of the plugin is usable")

// Context is a plugin with one configuration, in all of its instances.
type Context struct {
	plugin  *Plugin
	config  string
	in      sync.Map // *member → *proxywasm.PluginContext
	users   int      // under the plugin's count lock, as is streams
	streams int
}

// Stream is a proxywasm.Stream that the pool counts.
type Stream struct {
	*proxywasm.Stream
	context *Context
	member  *member
	permit  uint64 // of the breaker, when the stream is tried
}

// NewStream opens a stream on the next instance. The error is ErrUnavailable when no instance takes it, ErrBreakerOpen or
// ErrDisabled when none is asked, or the failure of the one that took it.
func (c *Context) NewStream(ex proxywasm.Exchange) (*Stream, error) {
	p := c.plugin
	if p.disabled.Load() {
		return nil, ErrDisabled
	}
	permit, changed, ok := p.breaker.admit(time.Now)
	if changed {
		p.breakerChanged()
	}
	if !ok {
		return nil, ErrBreakerOpen
	}
	if err := p.acquire(c); err != nil {
		p.breaker.withdraw(permit)
		return nil, err
	}
	s, err := c.newStream(ex)
	if err != nil {
		p.breaker.withdraw(permit)
		p.release(c)
		return nil, err
	}
	s.permit = permit
	return s, nil
}

func (c *Context) newStream(ex proxywasm.Exchange) (*Stream, error) {
	p := c.plugin
	for {
		live := p.live.Load()
		if s, err := c.newStreamIn(*live, ex); s != nil || err != nil {
			return s, err
		}
		if p.live.Load() == live {
			return nil, ErrUnavailable
		}
		// Meanwhile a fresh instance has taken over from the last one of these.
	}
}

// newStreamIn opens a stream on the next of the instances that takes it. One that fails by it fails the stream: another one
// would fail as well.
func (c *Context) newStreamIn(live []*member, ex proxywasm.Exchange) (*Stream, error) {
	start := int(c.plugin.next.Add(1))
	for i := range live {
		m := live[(start+i)%len(live)]
		pc, ok := c.in.Load(m)
		if !ok || !m.acquire() {
			continue
		}
		s, err := pc.(*proxywasm.PluginContext).NewStream(ex)
		if err == nil {
			return &Stream{Stream: s, context: c, member: m}, nil
		}
		m.release()
		if !errors.Is(err, proxywasm.ErrNoStreams) {
			return nil, err
		}
	}
	return nil, nil
}

// Finish ends the stream; it must be called exactly once.
func (s *Stream) Finish() {
	s.Stream.Finish()
	s.member.release()
	if s.member.usedUp() {
		s.context.plugin.wake()
	}
	if s.permit != 0 && s.member.instance.Err() == nil && s.context.plugin.breaker.settle(s.permit, time.Now()) {
		s.context.plugin.breakerChanged()
	}
	s.context.plugin.release(s.context)
}

// Has reports whether a stream callback is exported and permitted.
func (c *Context) Has(cb abi.Callback) bool { return c.plugin.module.Has(cb) }

// Name is the plugin's.
func (c *Context) Name() string { return c.plugin.spec.Name }

// FailOpen reports whether requests go on without a plugin that failed.
func (c *Context) FailOpen() bool { return c.plugin.spec.FailurePolicy == PolicyOpen }

// Profile is the host whose quirks the plugin was built for.
func (c *Context) Profile() proxywasm.Profile { return c.plugin.spec.Profile }

// SkipOwnLocalReply reports whether the plugin's response callbacks are left out for its own answers.
func (c *Context) SkipOwnLocalReply() bool {
	return c.plugin.spec.SkipOwnLocalReply || c.Profile().HidesOwnReply()
}

// BodyLimit is the most that is buffered of one body, in bytes.
func (c *Context) BodyLimit() int64 { return c.plugin.spec.BodyLimit }

// PauseTimeout is the longest that the plugin may hold a stream.
func (c *Context) PauseTimeout() time.Duration { return c.plugin.spec.PauseTimeout }

// CountBodyLimit counts a request that BodyLimit ended.
func (c *Context) CountBodyLimit() { c.plugin.hits.Add(proxywasm.LimitBody) }

// CountPauseTimeout counts a request that PauseTimeout ended.
func (c *Context) CountPauseTimeout() { c.plugin.hits.Add(proxywasm.LimitPauseTimeout) }

// use counts another user; it fails for a context that is about to end.
func (c *Context) use() bool {
	c.plugin.count.Lock()
	defer c.plugin.count.Unlock()
	if c.unused() {
		return false
	}
	c.users++
	return true
}

// Release gives the context back. It ends when its last stream has finished.
func (c *Context) Release() {
	c.plugin.count.Lock()
	c.users--
	unused := c.unused()
	c.plugin.count.Unlock()
	if unused {
		c.plugin.remove(c)
	}
}

// unused runs under the plugin's count lock.
func (c *Context) unused() bool { return c.users == 0 && c.streams == 0 }
