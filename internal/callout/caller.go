// Package callout makes the calls of plugins: HTTP, gRPC and Redis, to named upstreams and to what a plugin is allowed.
package callout

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/upstream"
)

const (
	// maxTimeout bounds a call whose plugin sets no timeout, or a longer one.
	maxTimeout = proxywasm.MaxCallTime
	// maxBody is the most of a response that is kept for the plugin, in bytes. A larger one is a failed call. It is also
	// the largest gRPC message, as it is in gRPC's own libraries, and the largest reply of Redis.
	maxBody = proxywasm.MaxAnswer
)

// Lookup finds an upstream by its name.
type Lookup func(name string) (*upstream.Upstream, error)

// Caller makes the calls of one plugin. It outlives configs, so the lookup is swapped. The zero value calls nothing.
type Caller struct {
	lookup atomic.Pointer[Lookup]
	direct direct
	// upstreams are those that the plugin may call; nil: all.
	upstreams []string
	redis     redisServices
	jobs      sync.WaitGroup

	mu      sync.Mutex
	started bool
	waiting []func() // calls made before Start
}

// Start lets calls out. What plugins call while they are configured waits until then: a config that is merely validated
// opens no connection.
func (c *Caller) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = true
	for _, job := range c.waiting {
		c.jobs.Go(job)
	}
	c.waiting = nil
}

func (c *Caller) run(job func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.started {
		c.waiting = append(c.waiting, job)
		return
	}
	c.jobs.Go(job)
}

// SetLookup makes the upstreams of another config the ones that are called.
func (c *Caller) SetLookup(l Lookup) {
	c.lookup.Store(&l)
	c.redis.closeIdle() // they may be those of an upstream that drains
}

// Close waits for the calls to end, after they were cancelled, and closes the connections that were the caller's own.
func (c *Caller) Close() {
	c.jobs.Wait()
	c.direct.close()
	c.redis.close()
}

func timeout(asked time.Duration) time.Duration {
	if asked <= 0 {
		return maxTimeout
	}
	return min(asked, maxTimeout)
}

// answered reports whether there is still somebody who wants the answer of a call.
func answered(ctx context.Context) bool { return !errors.Is(ctx.Err(), context.Canceled) }

// Interface guards
var (
	_ proxywasm.HTTPCaller  = (*Caller)(nil)
	_ proxywasm.GRPCCaller  = (*Caller)(nil)
	_ proxywasm.RedisCaller = (*Caller)(nil)
)
