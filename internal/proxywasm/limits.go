package proxywasm

import (
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/wasmscreen"
)

// Limits bound what one plugin may use. Zero fields stand for the defaults; LimitTable says why they are what they are, and what
// happens when one takes effect.
type Limits struct {
	// MemoryPages is the most linear memory of one instance, in pages of 64 KiB. Default: 1024 (64 MiB).
	MemoryPages uint32

	// CallTimeout is the longest that guest code may run in one callback. Default: 1s.
	CallTimeout time.Duration
	// StartTimeout is the longest that instantiation, start and configuration of one instance may take. Default: 10s.
	StartTimeout time.Duration
	// CompileTimeout is the longest that compiling a module may take. Default: 1m.
	CompileTimeout time.Duration
	// DoneTimeout is the longest that a plugin context may go on after it answered 0 to proxy_on_done, until it says
	// proxy_done. Default: 10s.
	DoneTimeout time.Duration
	// TickPeriod is the shortest period that proxy_set_tick_period_milliseconds arms. Default: 10ms.
	TickPeriod time.Duration

	// ModuleBytes is the largest module. Default: 64 MiB.
	ModuleBytes int
	// Shape bounds what a module is made of, before it is compiled. Default: wasmscreen.DefaultLimits, but for TableEntries, which are an
	// eighth of the memory of MemoryPages: tables stand outside of it.
	Shape wasmscreen.Limits
	// ConfigBytes is the largest configuration, of the VM and of each plugin context, in bytes. Default: 16 MiB.
	ConfigBytes int

	// LogBytes is how much of one log message is kept. Default: 16 KiB.
	LogBytes int
	// LogRate is how many lines a second all instances may log; five times as many at once. Default: 1000.
	LogRate int

	// Metrics is how many metrics the plugin may define. Default: 1000.
	Metrics int

	// SharedBytes is the most that the keys and values of the plugin's vm_id may take for a write of this plugin to be accepted, in
	// bytes. Default: 64 MiB.
	SharedBytes int
	// QueueItems and QueueBytes are the same for its queues: the items of the queue, and the bytes of all queues of its vm_id.
	// Defaults: 100,000 and 64 MiB.
	QueueItems, QueueBytes int

	// Calls is the most calls (HTTP, gRPC, Redis) of one instance that may be under way. Default: 1000.
	Calls int
	// StreamCalls is the most of them for one HTTP stream. Default: 100.
	StreamCalls int
	// StreamCallsInAll is the most calls that one HTTP stream may make in its life, answered ones and those made from answers among
	// them. Default: 1000.
	StreamCallsInAll int
	// CallBytes is the most that one call may send, in bytes. Default: 4 MiB.
	CallBytes int
	// CallsBytes is the most that the calls of one instance that are under way may send together, in bytes. Default: 64 MiB.
	CallsBytes int
}

// DefaultLimits returns the limits that zero fields stand for.
func DefaultLimits() Limits {
	return Limits{
		MemoryPages: 1024,
		CallTimeout: time.Second, StartTimeout: 10 * time.Second, CompileTimeout: time.Minute,
		DoneTimeout: 10 * time.Second, TickPeriod: 10 * time.Millisecond,
		ModuleBytes: 64 << 20, Shape: wasmscreen.DefaultLimits(), ConfigBytes: 16 << 20,
		LogBytes: 16 << 10, LogRate: 1000, Metrics: 1000,
		SharedBytes: 64 << 20, QueueItems: 100_000, QueueBytes: 64 << 20,
		Calls: 1000, StreamCalls: 100, StreamCallsInAll: 1000, CallBytes: 4 << 20, CallsBytes: 64 << 20,
	}
}

// OrDefaults fills in zero fields.
func (l Limits) OrDefaults() Limits {
	d := DefaultLimits()
	l.MemoryPages = or(l.MemoryPages, d.MemoryPages)
	for _, t := range []struct {
		limit    *time.Duration
		fallback time.Duration
	}{
		{&l.CallTimeout, d.CallTimeout},
		{&l.StartTimeout, d.StartTimeout},
		{&l.CompileTimeout, d.CompileTimeout},
		{&l.DoneTimeout, d.DoneTimeout},
		{&l.TickPeriod, d.TickPeriod},
	} {
		*t.limit = or(*t.limit, t.fallback)
	}
	for _, n := range []struct {
		limit    *int
		fallback int
	}{
		{&l.ModuleBytes, d.ModuleBytes},
		{&l.ConfigBytes, d.ConfigBytes},
		{&l.LogBytes, d.LogBytes},
		{&l.LogRate, d.LogRate},
		{&l.Metrics, d.Metrics},
		{&l.SharedBytes, d.SharedBytes},
		{&l.QueueItems, d.QueueItems},
		{&l.QueueBytes, d.QueueBytes},
		{&l.Calls, d.Calls},
		{&l.StreamCalls, d.StreamCalls},
		{&l.StreamCallsInAll, d.StreamCallsInAll},
		{&l.CallBytes, d.CallBytes},
		{&l.CallsBytes, d.CallsBytes},
	} {
		*n.limit = or(*n.limit, n.fallback)
	}
	if l.Shape == (wasmscreen.Limits{}) {
		l.Shape = d.Shape
		l.Shape.TableEntries = int(l.MemoryPages) << 16 / 8 / tableEntryBytes
	}
	return l
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// What is the same for all plugins.
const (
	// tableEntryBytes is what an entry of a table takes in the engine.
	tableEntryBytes = 8

	// maxCopy is the most that one hostcall copies out of the guest in one piece (a body, a log line, a
	// value); it bounds what a bad length can make the host allocate. The guest's memory bounds it as well.
	maxCopy = 256 << 20

	// maxInjected is the most that a guest may inject into a response and the client has not taken yet.
	maxInjected = 16 << 20

	// maxRandomBytes is the most that one random_get fills.
	maxRandomBytes = 1 << 20

	// maxPollSleep is the longest that one poll_oneoff sleeps: guest code holds the instance while it sleeps.
	maxPollSleep = 5 * time.Millisecond

	// maxMetricName is the longest name of a metric, in bytes: those of Istio, which hold all labels, have hundreds.
	maxMetricName = 4096

	// MaxAnswer is the largest answer to a call that is kept, the largest gRPC message and the largest reply of Redis, in bytes.
	MaxAnswer = 4 << 20

	// MaxCallTime ends a call whose plugin sets no timeout, or a longer one.
	MaxCallTime = 5 * time.Minute

	// DefaultBodyLimit is the most that is buffered of one body, in bytes.
	DefaultBodyLimit = 1 << 20

	// MaxBodyLimit is the most that a plugin may raise a body limit to, in bytes: what Higress' SDK asks for by itself.
	MaxBodyLimit = 100 << 20

	// DefaultPauseTimeout is the longest that a plugin may hold a stream.
	DefaultPauseTimeout = 30 * time.Second
)

// Hits counts how often each limit of a plugin took effect. It may be used by anybody at any time.
type Hits [limitCount]atomic.Int64

// Add counts.
func (h *Hits) Add(l Limit) { h[l].Add(1) }

// Of is how often a limit took effect.
func (h *Hits) Of(l Limit) int64 { return h[l].Load() }

// hit counts a limit that takes effect.
func (in *Instance) hit(l Limit) { in.module.options.Hits.Add(l) }
