package proxywasm

import (
	"time"

	"github.com/loom-gateway/loom/internal/wasmscreen"
)

// Limits bound what one plugin may use. Zero fields stand for the defaults.
type Limits struct {
	// MemoryPages is the most linear memory of one instance, in pages of 64 KiB. Default: 1024 (64 MiB): a Go
	// guest starts at about 4 MiB, and a bomb in every instance of a small pool still fits a small machine.
	MemoryPages uint32

	// CallTimeout is the longest that guest code may run in one callback. Default: 1s: a hundred thousand times a
	// healthy callback, and short enough that clients of a looping plugin still get their answer.
	CallTimeout time.Duration

	// StartTimeout is the longest that instantiation, start and configuration of one instance may take. Default: 10s,
	// since plugins compile rule sets there.
	StartTimeout time.Duration

	// DoneTimeout is the longest that a plugin context may go on after it answered 0 to proxy_on_done, until it says
	// proxy_done. Default: 10s.
	DoneTimeout time.Duration

	// ModuleBytes is the largest module. Default: 64 MiB; the largest known real plugins have about 25 MiB.
	ModuleBytes int

	// Shape bounds what a module is made of, before it is compiled. Default: wasmscreen.DefaultLimits, but for TableEntries, which are an
	// eighth of the memory of MemoryPages: tables stand outside of it.
	Shape wasmscreen.Limits

	// CompileTimeout is the longest that compiling a module may take. Default: 1m: the largest known plugin (24 MB) takes 8s on one
	// core of a busy machine, and machines differ.
	CompileTimeout time.Duration

	// LogBytes is how much of one log message is kept. Default: 16 KiB.
	LogBytes int

	// TickPeriod is the shortest period that proxy_set_tick_period_milliseconds arms. Default: 10ms, so that a
	// plugin which asks for 1ms on every instance does not become the machine's main load.
	TickPeriod time.Duration

	// Calls is the most calls (HTTP, gRPC, Redis) of one instance that may be under way. Default: 1000.
	Calls int

	// StreamCalls is the most of them that one HTTP stream may have made. Default: 100: no known plugin asks a hundred
	// servers about one request.
	StreamCalls int
}

// DefaultLimits returns the limits that zero fields stand for.
func DefaultLimits() Limits {
	return Limits{
		MemoryPages:  1024,
		CallTimeout:  time.Second,
		StartTimeout: 10 * time.Second,
		DoneTimeout:  10 * time.Second,
		ModuleBytes:  64 << 20,
		Shape:        wasmscreen.DefaultLimits(),

		CompileTimeout: time.Minute,
		LogBytes:       16 << 10,
		TickPeriod:     10 * time.Millisecond,
		Calls:          1000,
		StreamCalls:    100,
	}
}

// orDefaults fills in zero fields.
func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	l.MemoryPages = or(l.MemoryPages, d.MemoryPages)
	l.CallTimeout = or(l.CallTimeout, d.CallTimeout)
	l.StartTimeout = or(l.StartTimeout, d.StartTimeout)
	l.DoneTimeout = or(l.DoneTimeout, d.DoneTimeout)
	l.ModuleBytes = or(l.ModuleBytes, d.ModuleBytes)
	if l.Shape == (wasmscreen.Limits{}) {
		l.Shape = d.Shape
		l.Shape.TableEntries = int(l.MemoryPages) << 16 / 8 / tableEntryBytes
	}
	l.CompileTimeout = or(l.CompileTimeout, d.CompileTimeout)
	l.LogBytes = or(l.LogBytes, d.LogBytes)
	l.TickPeriod = or(l.TickPeriod, d.TickPeriod)
	l.Calls = or(l.Calls, d.Calls)
	l.StreamCalls = or(l.StreamCalls, d.StreamCalls)
	return l
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

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
)
