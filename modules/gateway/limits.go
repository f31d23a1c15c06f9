package gateway

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/loom-gateway/loom/internal/ratelimit"
)

// limitPool holds what rate limits count, for every config that is loaded or draining: a reload takes nothing back.
var limitPool = caddy.NewUsagePool() //nolint:gochecknoglobals // Caddy's way to outlive a config

// LimitResult is what became of a request at a rate limit.
type LimitResult int

// The results. LimitError is a request that was let through or refused without a decision.
const (
	LimitAllowed LimitResult = iota
	LimitLimited
	LimitError
	limitResults
)

// String is the word of the metric.
func (r LimitResult) String() string { return [...]string{"allowed", "limited", "error"}[r] }

// LimitCounts are what the limiters of one name have decided. They are safe for concurrent use.
type LimitCounts struct {
	// StoreErrors are decisions that the shared store should have made, and did not.
	StoreErrors atomic.Uint64

	mu     sync.Mutex
	routes map[string]*RouteLimits
}

// RouteLimits are those decisions of one route.
type RouteLimits [limitResults]atomic.Uint64

// Add counts a request.
func (r *RouteLimits) Add(result LimitResult) { r[result].Add(1) }

// Route are the decisions of a route; an empty id stands for requests that no route takes.
func (c *LimitCounts) Route(id string) *RouteLimits {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.routes == nil {
		c.routes = map[string]*RouteLimits{}
	}
	if c.routes[id] == nil {
		c.routes[id] = new(RouteLimits)
	}
	return c.routes[id]
}

// pooledCounts and pooledKeys free nothing: requests of a draining config go on counting.
type (
	pooledCounts struct{ LimitCounts }
	pooledKeys   struct{ *ratelimit.Memory }
)

// Destruct implements caddy.Destructor.
func (*pooledCounts) Destruct() error { return nil }

// Destruct implements caddy.Destructor.
func (pooledKeys) Destruct() error { return nil }

// limitSet is what one config has taken from the pools.
type limitSet struct {
	events    *caddyevents.App
	emitting  caddy.Context
	redis     map[string]*ratelimit.Redis
	redisKeys []string // one for each reference taken

	mu       sync.Mutex // while handlers are provisioned
	keys     []string
	counts   map[string]*LimitCounts
	memories map[string]map[*ratelimit.Memory]bool // by the name of the limiter
}

func (a *App) provisionLimits(ctx caddy.Context) error {
	a.limits = &limitSet{
		emitting: ctx, redis: map[string]*ratelimit.Redis{},
		counts: map[string]*LimitCounts{}, memories: map[string]map[*ratelimit.Memory]bool{},
	}
	events, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("finding the events app: %w", err)
	}
	a.limits.events = events.(*caddyevents.App)
	if err := ctx.GetMetricsRegistry().Register(newLimitCollector(a.limits, a.routes)); err != nil {
		return fmt.Errorf("registering the metrics of rate limits: %w", err)
	}
	var problems []error
	for _, name := range sortedNames(a.Redis) {
		if err := a.limits.takeRedis(name, a.Redis[name]); err != nil {
			problems = append(problems, fmt.Errorf("redis %q: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

// startLimits makes this config the one that hears of events: not before it is accepted.
func (a *App) startLimits() {
	for name, store := range a.limits.redis {
		store.SetObserver(a.observeRedis(a.limits.emitting, name))
	}
}

// emit hands an event to Caddy's events app; handlers may take their time.
func (s *limitSet) emit(name string, data map[string]any) {
	if s.events.ShouldEmit(name) {
		go s.events.Emit(s.emitting, name, data)
	}
}

// EmitLimited is the event `loom.rate_limit.limited`.
func (a *App) EmitLimited(data map[string]any) { a.limits.emit("loom.rate_limit.limited", data) }

// LimitCounts finds what the limiters of a name have decided.
func (a *App) LimitCounts(limiter string) (*LimitCounts, error) {
	a.limits.mu.Lock()
	defer a.limits.mu.Unlock()
	if counts := a.limits.counts[limiter]; counts != nil {
		return counts, nil
	}
	value, err := a.limits.take("counts "+limiter, func() caddy.Destructor { return new(pooledCounts) })
	if err != nil {
		return nil, err
	}
	a.limits.counts[limiter] = &value.(*pooledCounts).LimitCounts
	return a.limits.counts[limiter], nil
}

// LimitMemory finds the keys that the limiters of a name know, or makes room for them. identity is all that cannot change in
// place, the number of limits n among it.
func (a *App) LimitMemory(limiter, identity string, n int) (*ratelimit.Memory, error) {
	a.limits.mu.Lock()
	defer a.limits.mu.Unlock()
	value, err := a.limits.take(fmt.Sprintf("keys %q %q %d", limiter, identity, n), func() caddy.Destructor {
		return pooledKeys{ratelimit.NewMemory(n)}
	})
	if err != nil {
		return nil, err
	}
	memory := value.(pooledKeys).Memory
	if a.limits.memories[limiter] == nil {
		a.limits.memories[limiter] = map[*ratelimit.Memory]bool{}
	}
	a.limits.memories[limiter][memory] = true
	return memory, nil
}

func (s *limitSet) take(key string, make func() caddy.Destructor) (any, error) {
	value, _, err := limitPool.LoadOrNew(key, func() (caddy.Destructor, error) { return make(), nil })
	if err == nil {
		s.keys = append(s.keys, key)
	}
	return value, err
}

func (a *App) releaseLimits() error {
	if a.limits == nil {
		return nil
	}
	a.limits.mu.Lock()
	defer a.limits.mu.Unlock()
	var problems []error
	for _, key := range a.limits.keys {
		_, err := limitPool.Delete(key)
		problems = append(problems, err)
	}
	for _, key := range a.limits.redisKeys {
		_, err := redisPool.Delete(key)
		problems = append(problems, err)
	}
	a.limits.keys, a.limits.redisKeys = nil, nil
	return errors.Join(problems...)
}
