package callout

import (
	"fmt"
	"io"
	"sync"

	"github.com/loom-gateway/loom/internal/grpcwire"
	"github.com/loom-gateway/loom/internal/proxywasm"
)

// sendQueue is a request body that a guest writes messages to: writing does not block, since the guest holds its
// instance meanwhile, and what the server does not take is bounded by maxBody.
type sendQueue struct {
	mu      sync.Mutex
	changed sync.Cond
	data    []byte
	ended   bool // no more messages come
	aborted bool // nobody reads any more
	begun   bool // the transport has read
}

func newSendQueue() *sendQueue {
	q := &sendQueue{}
	q.changed.L = &q.mu
	return q
}

func (q *sendQueue) send(message []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.ended:
		return fmt.Errorf("%w: a message was sent on a stream that the plugin has closed", proxywasm.ErrBadCall)
	case q.aborted:
		return nil // the end of the stream is on its way to the guest
	case len(q.data)+len(message) > maxBody:
		return fmt.Errorf("%w bytes: the server has not taken %d that were sent, and %d more are above the limit of %d",
			proxywasm.ErrTooMany, len(q.data), len(message), maxBody)
	}
	q.data = grpcwire.AppendMessage(q.data, message)
	q.changed.Broadcast()
	return nil
}

func (q *sendQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Broadcast()
}

func (q *sendQueue) abort() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.aborted, q.data = true, nil
	q.changed.Broadcast()
}

// Read implements io.Reader: it waits for a message.
func (q *sendQueue) Read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.begun = true
	for len(q.data) == 0 && !q.ended && !q.aborted {
		q.changed.Wait()
	}
	switch {
	case q.aborted:
		return 0, io.ErrClosedPipe
	case len(q.data) == 0:
		return 0, io.EOF
	}
	n := copy(p, q.data)
	if q.data = q.data[n:]; len(q.data) == 0 {
		q.data = nil
	}
	return n, nil
}

// Close implements io.Closer. A transport that could not connect closes the body too, and another endpoint reads it then.
func (q *sendQueue) Close() error {
	q.mu.Lock()
	begun := q.begun
	q.mu.Unlock()
	if begun {
		q.abort()
	}
	return nil
}
