package queue_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/loom-gateway/loom/internal/leaktest"
	"github.com/loom-gateway/loom/internal/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(leaktest.Patient(m)) }

func limits(most, waiting int) *queue.Limits {
	return &queue.Limits{Max: most, MaxWaiting: waiting, WaitTimeout: 10 * time.Second}
}

// fill lets as many in as may be.
func fill(t *testing.T, g *queue.Gate, l *queue.Limits) {
	t.Helper()
	for range l.Max {
		if err := g.Enter(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	if g.TryEnter(l) {
		t.Fatal("a full gate lets in")
	}
}

func TestFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, l := new(queue.Gate), limits(2, 50)
		fill(t, g, l)
		served := make(chan int, 50)
		for i := range 50 {
			go func() {
				if err := g.Enter(t.Context(), l); err != nil {
					t.Error(err)
				}
				served <- i
			}()
			synctest.Wait() // it stands in the line before the next one comes
		}
		if err := g.Enter(t.Context(), l); !errors.Is(err, queue.ErrFull) {
			t.Errorf("behind 50 who wait: %v", err)
		}
		var order []int
		for range 50 {
			g.Leave()
			order = append(order, <-served)
		}
		if !slices.IsSorted(order) {
			t.Errorf("they were served in the order %v", order)
		}
	})
}

// Who gives up, for whatever reason, gives up its place, and nobody behind it is skipped.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, l := new(queue.Gate), limits(1, 2)
		fill(t, g, l)
		gone := errors.New("the client left")
		ctx, leave := context.WithCancelCause(t.Context())
		results := make(chan error, 2)
		go func() { results <- g.Enter(ctx, l) }()
		synctest.Wait()
		go func() { results <- g.Enter(t.Context(), l) }()
		synctest.Wait()
		if leave(gone); !errors.Is(<-results, gone) || g.Waiting() != 1 {
			t.Errorf("who left is still in the line: %d wait", g.Waiting())
		}
		start := time.Now()
		if err := <-results; !errors.Is(err, queue.ErrWaited) || time.Since(start) != l.WaitTimeout || g.Waiting() != 0 {
			t.Errorf("%v after %s, %d wait", err, time.Since(start), g.Waiting())
		}
		if g.Leave(); !g.TryEnter(l) || g.TryEnter(l) {
			t.Error("the places do not add up")
		}
	})
}

// A larger limit waits its turn as well, and a smaller one is kept.
func TestLimitsMayDiffer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, small, large := new(queue.Gate), limits(1, 9), limits(3, 9)
		fill(t, g, large)
		var in atomic.Int64
		for _, l := range []*queue.Limits{small, large, large} {
			go func() {
				if g.Enter(t.Context(), l) == nil {
					in.Add(1)
				}
			}()
			synctest.Wait()
		}
		for i, want := range []int64{0, 0, 3} {
			g.Leave()
			if synctest.Wait(); in.Load() != want {
				t.Errorf("%d got in when %d had left, want %d", in.Load(), i+1, want)
			}
		}
	})
}

// Whatever happens at once, no more are in than may be, and in the end all places are free.
func TestTheLimitHolds(t *testing.T) {
	t.Parallel()
	g, l := new(queue.Gate), &queue.Limits{Max: 3, MaxWaiting: 20, WaitTimeout: time.Millisecond}
	var in, most, entered atomic.Int64
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			for range 500 {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*time.Millisecond))
				if g.Enter(ctx, l) == nil {
					n := in.Add(1)
					for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
					}
					entered.Add(1)
					time.Sleep(rand.N(50 * time.Microsecond))
					in.Add(-1)
					g.Leave()
				}
				cancel()
			}
		})
	}
	all.Wait()
	if most.Load() > 3 || entered.Load() == 0 || g.Waiting() != 0 {
		t.Errorf("%d were in at once, %d in all, %d still wait", most.Load(), entered.Load(), g.Waiting())
	}
	fill(t, g, l)
}

func TestEnteringAllocatesNothing(t *testing.T) {
	g, l := new(queue.Gate), limits(1, 1)
	if n := testing.AllocsPerRun(100, func() {
		if g.Enter(t.Context(), l) == nil {
			g.Leave()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
