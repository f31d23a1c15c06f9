package proxywasm

import (
	"context"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Waiting for a guest that holds a direction of a stream.

// Wait blocks while a direction is paused: until the guest continues it, replies, closes or injects (then the pause goes
// on), the instance dies, or ctx ends. No lock is held meanwhile. The guest may touch, from other callbacks, what c may.
func (s *Stream) Wait(ctx context.Context, c abi.Callback) Verdict {
	for {
		wake, v, ok := s.Poll(c)
		if ok {
			return v
		}
		select {
		case <-wake:
		case <-ctx.Done():
			s.Leave(c.Stream())
			return Verdict{Err: context.Cause(ctx)}
		}
	}
}

// Leave closes what a paused direction has open, for a caller that goes on without Wait. Guest code that has it in hand
// has returned by then.
func (s *Stream) Leave(dir abi.StreamType) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if !s.finished {
		s.ex.Leave(dir)
	}
}

// Poll is Wait for those who cannot block: ok is false while the direction is still paused, and the channel is closed
// when it is worth to look again.
func (s *Stream) Poll(c abi.Callback) (wake <-chan struct{}, v Verdict, ok bool) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if s.finished {
		return nil, Verdict{}, true
	}
	dir := c.Stream()
	s.ex.Enter(c)
	if v, ok = s.effects(dir); ok || v.Injected != nil {
		if !ok {
			v.Action = abi.ActionPause
		}
		if s.observer != nil {
			s.observer.Settled(c, v)
		}
		s.ex.Leave(dir)
		return nil, v, true
	}
	if s.wake[dir] == nil {
		s.wake[dir] = make(chan struct{})
	}
	return s.wake[dir], Verdict{}, false
}

// wakeUp tells all waiters to look again. The lock must be held.
func (s *Stream) wakeUp() {
	for dir, wake := range s.wake {
		if wake != nil {
			close(wake)
			s.wake[dir] = nil
		}
	}
}
