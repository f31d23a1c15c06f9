// Package queue lets a bounded number of requests in at a time; the others wait for their turn, first come, first served.
package queue

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// Limits of a Gate.
type Limits struct {
	// Max is how many may be in at a time, 1 or more.
	Max int
	// MaxWaiting is how many may wait. 0: nobody.
	MaxWaiting int
	// WaitTimeout is the longest that one waits; more than 0.
	WaitTimeout time.Duration
}

// Why a Gate lets somebody not in.
var (
	ErrFull   = errors.New("the queue is full")
	ErrWaited = errors.New("waited too long in the queue")
)

// Gate counts who is in, and has the others wait in line. It is safe for concurrent use; the zero value is empty. Limits
// belong to the one who enters, so that they may change while a Gate is in use.
type Gate struct {
	mu   sync.Mutex
	in   int
	line list.List // of *waiter, first come first
}

// waiter stands in the line until turn is closed.
type waiter struct {
	max  int
	turn chan struct{}
}

// TryEnter lets in at once, or not at all: nobody passes those who wait. Who was let in says so with Leave.
func (g *Gate) TryEnter(limits *Limits) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in >= limits.Max || g.line.Len() > 0 {
		return false
	}
	g.in++
	return true
}

// Enter lets in, now or after a wait. Who was let in says so with Leave.
// Errors: ErrFull at once, ErrWaited, and the cause of the context's end; the place in the line is free again then.
func (g *Gate) Enter(ctx context.Context, limits *Limits) error {
	w, place, err := g.join(limits)
	if w == nil {
		return err
	}
	timeout := time.NewTimer(limits.WaitTimeout)
	defer timeout.Stop()
	select {
	case <-w.turn:
		return nil
	case <-timeout.C:
		err = ErrWaited
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if g.forgo(w, place) {
		return err
	}
	if ctx.Err() != nil { // its turn came at the same moment
		g.Leave()
		return err
	}
	return nil
}

// join lets in, or puts a waiter at the end of the line.
func (g *Gate) join(limits *Limits) (*waiter, *list.Element, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in < limits.Max && g.line.Len() == 0 {
		g.in++
		return nil, nil, nil
	}
	if g.line.Len() >= limits.MaxWaiting {
		return nil, nil, ErrFull
	}
	w := &waiter{limits.Max, make(chan struct{})}
	return w, g.line.PushBack(w), nil
}

// forgo takes a waiter out of the line, and reports whether it was still there. Who stood behind it may get in, where limits
// differ.
func (g *Gate) forgo(w *waiter, place *list.Element) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.turn:
		return false
	default:
	}
	g.line.Remove(place)
	g.serve()
	return true
}

// Leave says that one who was let in is done.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in--
	g.serve()
}

// serve lets in who has waited longest. The lock is held.
func (g *Gate) serve() {
	for first := g.line.Front(); first != nil; first = g.line.Front() {
		w := first.Value.(*waiter)
		if g.in >= w.max {
			return
		}
		g.line.Remove(first)
		g.in++
		close(w.turn)
	}
}

// Full reports whether TryEnter would let nobody in.
func (g *Gate) Full(limits *Limits) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.in >= limits.Max || g.line.Len() > 0
}

// Waiting is how many wait.
func (g *Gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.line.Len()
}
