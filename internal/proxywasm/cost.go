package proxywasm

import (
	"math/bits"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/quantile"
)

// What guest code costs is counted in each instance, by who holds its lock, and may be read at any time without it: a
// number costs one atomic addition and no memory. Numbers that are read together need not be of the same moment.

// Phase is what guest code runs for: a callback, or the start of the module.
type Phase uint8

const phaseCount = 23

func phaseNames() [phaseCount]string {
	return [...]string{
		"start", "on_context_create", "on_vm_start", "on_configure",
		"on_request_headers", "on_request_body", "on_request_trailers",
		"on_response_headers", "on_response_body", "on_response_trailers", "on_log", "on_done", "on_delete",
		"on_tick", "on_queue_ready", "on_foreign_function", "on_http_call_response",
		"on_grpc_receive_initial_metadata", "on_grpc_receive", "on_grpc_receive_trailing_metadata", "on_grpc_trailing_metadata",
		"on_grpc_close", "on_redis_call_response",
	}
}

// String is the callback's name without the prefix of its export, or "start".
func (p Phase) String() string { return phaseNames()[p] }

// phaseOf finds the phase of an export; the module's start functions share the first.
func phaseOf(export string) Phase {
	names := phaseNames()
	return Phase(max(0, slices.Index(names[:], strings.TrimPrefix(export, "proxy_"))))
}

// export is a function of the guest that the host calls.
type export struct {
	fn      api.Function
	results int
	phase   Phase
}

// export returns a function of the guest, or nil.
func (in *Instance) export(name string) *export {
	fn := in.guest.ExportedFunction(name)
	if fn == nil {
		return nil
	}
	return &export{fn: fn, results: len(fn.Definition().ResultTypes()), phase: phaseOf(name)}
}

// costBounds is how many upper bounds the durations have: 1µs, 4µs, 16µs and so on, up to 1.05s.
const costBounds = 11

// CostBounds are the upper bounds of PhaseCost.Buckets, in seconds; the last bucket has none.
func CostBounds() []float64 {
	bounds := make([]float64, costBounds)
	for i := range bounds {
		bounds[i] = (time.Microsecond << (2 * i)).Seconds()
	}
	return bounds
}

// costBucket is the bucket of a duration.
func costBucket(d time.Duration) int {
	return min((bits.Len64(uint64(max(d-1, 0)/time.Microsecond))+1)/2, costBounds)
}

// meter counts what one instance costs.
type meter struct {
	phases [phaseCount]struct {
		buckets     [costBounds + 1]atomic.Uint64
		nanoseconds atomic.Uint64
	}
	hostcalls, callTimeouts atomic.Uint64
	memory                  atomic.Uint32
	calling                 uint64            // hostcalls of the callback that runs
	full                    func(size uint32) // is told when the memory has grown
}

// record counts a callback that has returned.
func (m *meter) record(p Phase, d time.Duration, memory api.Memory) {
	phase := &m.phases[p]
	phase.buckets[costBucket(d)].Add(1)
	phase.nanoseconds.Add(uint64(max(d, 0)))
	if m.calling > 0 {
		m.hostcalls.Add(m.calling)
		m.calling = 0
	}
	if size := memory.Size(); size != m.memory.Load() {
		m.memory.Store(size)
		if m.full != nil {
			m.full(size)
		}
	}
}

// countFull counts the limit of memory when the guest has grown to it.
func (in *Instance) countFull() {
	in.meter.full = func(size uint32) {
		if uint64(size) >= uint64(in.module.options.Limits.MemoryPages)<<16 {
			in.hit(LimitMemory)
		}
	}
}

// Cost is what guest code has cost.
type Cost struct {
	// Phases have the durations of callbacks, with the hostcalls that they made, by Phase.
	Phases [phaseCount]PhaseCost
	// Hostcalls that guests made; those of WASI are not counted.
	Hostcalls uint64
	// CallTimeouts counts callbacks that were stopped.
	CallTimeouts uint64
}

// PhaseCost is what one phase has cost.
type PhaseCost struct {
	// Buckets count the callbacks by duration, see CostBounds. They do not add up: each has its own.
	Buckets [costBounds + 1]uint64
	// Time is the sum of the durations.
	Time time.Duration
}

// Count is how often the phase ran.
func (c PhaseCost) Count() uint64 {
	var n uint64
	for _, b := range c.Buckets {
		n += b
	}
	return n
}

// Quantile is the duration below which the share q of the callbacks stayed, as far as the buckets tell.
func (c PhaseCost) Quantile(q float64) time.Duration {
	return time.Duration(quantile.Of(q, CostBounds(), c.Buckets[:]) * float64(time.Second))
}

// AddCost adds what the instance has cost since it was made.
func (in *Instance) AddCost(to *Cost) {
	for p := range to.Phases {
		from, phase := &in.meter.phases[p], &to.Phases[p]
		for i := range phase.Buckets {
			phase.Buckets[i] += from.buckets[i].Load()
		}
		phase.Time += time.Duration(from.nanoseconds.Load())
	}
	to.Hostcalls += in.meter.hostcalls.Load()
	to.CallTimeouts += in.meter.callTimeouts.Load()
}

// MemoryBytes is the size of the guest's linear memory when it was last left.
func (in *Instance) MemoryBytes() uint32 { return in.meter.memory.Load() }
