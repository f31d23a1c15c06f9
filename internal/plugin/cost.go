package plugin

import (
	"context"
	"sync"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

// costs adds up what the instances of a plugin cost, also those that are gone.
type costs struct {
	mu        sync.Mutex
	past      proxywasm.Cost
	instances map[*proxywasm.Instance]struct{}
}

func (c *costs) add(in *proxywasm.Instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.instances == nil {
		c.instances = map[*proxywasm.Instance]struct{}{}
	}
	c.instances[in] = struct{}{}
}

// settle keeps the cost of an instance that is closed.
func (c *costs) settle(in *proxywasm.Instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.instances[in]; ok {
		delete(c.instances, in)
		in.AddCost(&c.past)
	}
}

// sum returns the cost since the plugin was opened, and the memory of its instances now, in bytes.
func (c *costs) sum() (cost proxywasm.Cost, memory int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cost = c.past
	for in := range c.instances {
		in.AddCost(&cost)
		memory += int64(in.MemoryBytes())
	}
	return cost, memory
}

// closeInstance frees an instance and keeps what it has cost.
func (p *Plugin) closeInstance(ctx context.Context, in *proxywasm.Instance) error {
	err := in.Close(ctx)
	p.costs.settle(in)
	return err
}
