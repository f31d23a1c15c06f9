package handover

import "sync"

const (
	usualHead  = 1 << 10
	largestOne = 16 << 10
)

// buffers are for the heads of requests, each from its first byte until its handler begins.
var buffers bufferPool //nolint:gochecknoglobals // a pool, as sync.Pool is meant to be used

type bufferPool struct{ pool sync.Pool }

func (b *bufferPool) get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, usualHead)
}

func (b *bufferPool) put(p []byte) {
	if p != nil && cap(p) <= largestOne {
		b.pool.Put(&p)
	}
}

// spare is bytes that wait to be read.
type spare struct {
	bytes []byte
	read  int
}

func (s *spare) left() int { return len(s.bytes) - s.read }

// peek fills p and returns the part that has been filled.
func (s *spare) peek(p []byte) []byte { return p[:copy(p, s.bytes[s.read:])] }

// drop takes away what has been read.
func (s *spare) drop(n int) {
	if s.read += n; s.left() == 0 {
		buffers.put(s.bytes)
		*s = spare{}
	}
}

func (s *spare) add(p []byte) {
	if len(p) == 0 {
		return
	}
	if s.bytes == nil {
		s.bytes = buffers.get()
	}
	s.bytes = append(s.bytes, p...)
}

// take returns what is left, and leaves nothing.
func (s *spare) take() []byte {
	rest := s.bytes[s.read:]
	*s = spare{}
	return rest
}
