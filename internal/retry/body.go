package retry

import (
	"errors"
	"io"
	"sync"
)

// errAbandoned is what a try gets whose body another one has now.
var errAbandoned = errors.New("the request is not sent in this try any more")

// Body is a request's body that may be sent several times: what a try reads is kept for the next, up to a limit. It is
// handed on as it comes, so the first try waits for nothing. Tries may overlap: an engine that has given up may still wait
// for the client, and what it gets then is not lost.
type Body struct {
	source io.ReadCloser
	limit  int64

	mu      sync.Mutex
	moved   sync.Cond // of mu: reading has ended, or a try
	reading bool      // a try waits for the source
	kept    []byte    // all that was read, unless spent
	spent   bool      // more was read than is kept
	err     error     // of the source; io.EOF at its end
	last    bool      // there will be no other try
	current *tried
}

// NewBody keeps up to limit bytes of a body. length is what is known of it, -1: nothing; a body that is too long is not
// kept at all.
func NewBody(source io.ReadCloser, length, limit int64) *Body {
	b := &Body{source: source, limit: limit}
	if length > limit {
		b.limit = 0
	}
	b.moved.L = &b.mu
	return b
}

// Next is the body for a try, from its first byte. The one before it was taken back.
func (b *Body) Next() io.ReadCloser {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current = &tried{body: b}
	b.moved.Broadcast()
	return b.current
}

// CanReplay reports whether another try can have all of the body.
func (b *Body) CanReplay() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.spent && !b.failed()
}

// Failed reports whether reading the source has failed: then no backend is to blame.
func (b *Body) Failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed()
}

func (b *Body) failed() bool { return b.err != nil && !errors.Is(b.err, io.EOF) }

// TakeBack ends the current try's reading, for another one: what it still gets is kept, whatever the limit. It reports false
// when another cannot have all of the body any more; the current try reads on then.
func (b *Body) TakeBack() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent || b.failed() {
		return false
	}
	b.current.closed = true
	b.moved.Broadcast()
	return true
}

// Settle says that the current try is the last one: no more is kept. The source is closed with the try.
func (b *Body) Settle() {
	b.mu.Lock()
	b.last = true
	closed := b.current != nil && b.current.closed
	b.mu.Unlock()
	if closed {
		_ = b.source.Close()
	}
}

// read reads the source for a try. The lock is held, but not while waiting.
func (b *Body) read(t *tried, p []byte) (int, error) {
	b.reading = true
	b.mu.Unlock()
	n, err := b.source.Read(p)
	b.mu.Lock()
	b.reading, b.err = false, err
	lost := t != b.current || t.closed // nobody but the next try wants it
	b.keep(p[:n], lost)
	b.moved.Broadcast()
	if lost {
		return 0, errAbandoned
	}
	t.sent = len(b.kept)
	return n, err
}

func (b *Body) keep(data []byte, whatever bool) {
	switch {
	case b.spent || len(data) == 0:
	case whatever || !b.last && int64(len(b.kept)+len(data)) <= b.limit:
		b.kept = append(b.kept, data...)
	default:
		b.spent, b.kept = true, nil
	}
}

// tried is the body in one try.
type tried struct {
	body    *Body
	sent    int  // of what is kept
	touched bool // something was read
	closed  bool
}

// Read implements io.Reader.
func (t *tried) Read(p []byte) (int, error) {
	b := t.body
	b.mu.Lock()
	defer b.mu.Unlock()
	t.touched = true
	for {
		switch {
		case t.closed || t != b.current:
			return 0, errAbandoned
		case t.sent < len(b.kept):
			n := copy(p, b.kept[t.sent:])
			t.sent += n
			return n, nil
		case b.err != nil:
			return 0, b.err
		case !b.reading:
			return b.read(t, p)
		}
		b.moved.Wait()
	}
}

// Close ends the try's reading. A body of which it has read nothing stays open: the connection was not made, and another
// endpoint gets it.
func (t *tried) Close() error {
	b := t.body
	b.mu.Lock()
	if !t.touched {
		b.mu.Unlock()
		return nil
	}
	t.closed = true
	b.moved.Broadcast()
	last := b.last && t == b.current
	b.mu.Unlock()
	if last {
		return b.source.Close()
	}
	return nil
}
