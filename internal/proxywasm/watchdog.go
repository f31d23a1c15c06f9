package proxywasm

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero/sys"
)

// watchdogTicks is how many ticks the call timeout has: the precision of the limit.
const watchdogTicks = 8

// watchdog closes instances whose guest code is overdue. One goroutine looks at all instances of a module
// with a coarse clock, so that a call costs two atomic stores and no timer; wazero stops a closed module at its
// next loop or call.
type watchdog struct {
	tick      time.Duration
	clock     atomic.Uint64 // in ticks
	instances sync.Map      // *Instance → struct{}
	quit      chan struct{}
	done      sync.WaitGroup
}

func startWatchdog(timeout time.Duration) *watchdog {
	w := &watchdog{tick: max(timeout/watchdogTicks, time.Millisecond), quit: make(chan struct{})}
	w.clock.Store(1)
	w.done.Go(w.run)
	return w
}

func (w *watchdog) stop() {
	if w == nil {
		return
	}
	close(w.quit)
	w.done.Wait()
}

func (w *watchdog) run() {
	ticker := time.NewTicker(w.tick)
	defer ticker.Stop()
	for {
		select {
		case <-w.quit:
			return
		case <-ticker.C:
			w.look(w.clock.Add(1))
		}
	}
}

func (w *watchdog) look(now uint64) {
	w.instances.Range(func(key, _ any) bool {
		in := key.(*Instance)
		if deadline := in.deadline.Load(); deadline != 0 && now > deadline {
			in.overdue.Store(true)
			_ = in.guest.CloseWithExitCode(context.Background(), sys.ExitCodeDeadlineExceeded)
		}
		return true
	})
}

// begin and end stand around guest code.
func (w *watchdog) begin(in *Instance, allowance time.Duration) {
	in.deadline.Store(w.clock.Load() + uint64((allowance+w.tick-1)/w.tick))
}

func (w *watchdog) end(in *Instance) { in.deadline.Store(0) }
