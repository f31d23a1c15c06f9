package main

import (
	"bytes"
	"fmt"
)

// longestWait is the most ticks between two attempts.
const longestWait = 60

// backlog is what was taken from the queue and has not arrived yet. It is bounded: an upstream that is down costs events,
// and no more memory than was configured.
type backlog struct {
	batch, most, retries int

	waiting  [][]byte // oldest first, without those of the batch under way
	sending  [][]byte // the batch under way, or to be sent again
	underWay bool
	attempts int // that have failed, of the batch
	wait     int // ticks until the next attempt
	dropped  int // since the last time that it was said
}

// add takes an event; the oldest gives way to it when there are too many.
func (b *backlog) add(event []byte) {
	if len(b.waiting)+len(b.sending) >= b.most && len(b.waiting) > 0 {
		b.waiting[0] = nil
		b.waiting = b.waiting[1:]
		b.dropped++
	}
	b.waiting = append(b.waiting, event)
}

// next returns the body of the call that is due at a tick, or nil.
func (b *backlog) next() []byte {
	if b.underWay {
		return nil
	}
	if b.wait > 0 {
		b.wait--
		return nil
	}
	if len(b.sending) == 0 {
		n := min(b.batch, len(b.waiting))
		b.sending, b.waiting = b.waiting[:n:n], b.waiting[n:]
	}
	if len(b.sending) == 0 {
		return nil
	}
	b.underWay = true
	return append(bytes.Join(b.sending, []byte("\n")), '\n')
}

// arrived ends the batch under way.
func (b *backlog) arrived() {
	b.sending, b.underWay, b.attempts = nil, false, 0
}

// failed keeps the batch for another attempt, unless it was the last. It returns what to tell the operator.
func (b *backlog) failed(why string, again bool) string {
	b.underWay = false
	b.attempts++
	if again && b.attempts <= b.retries {
		b.wait = min(1<<min(b.attempts-1, 10), longestWait)
		return fmt.Sprintf("attempt %d with %d events: %s; they are sent again", b.attempts, len(b.sending), why)
	}
	lost := len(b.sending)
	b.arrived()
	return fmt.Sprintf("%d events are given up: %s", lost, why)
}

// takeDropped returns how many events gave way since the last time.
func (b *backlog) takeDropped() int {
	n := b.dropped
	b.dropped = 0
	return n
}
