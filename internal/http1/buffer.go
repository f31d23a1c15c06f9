package http1

import (
	"io"
	"sync"
)

const (
	// smallBuffer is what a connection reads and writes heads with. Idle connections have none.
	smallBuffer = 4 << 10
	// largeBuffer is what a request's body is sent with.
	largeBuffer = 32 << 10
	// keptBuffer is the largest that is used again.
	keptBuffer = 64 << 10
)

// buffers are used again. A buffer is its whole capacity; what it holds its user knows.
type buffers struct{ small, large sync.Pool }

func (b *buffers) get() *[]byte     { return from(&b.small, smallBuffer) }
func (b *buffers) put(data *[]byte) { into(&b.small, data) }

func from(p *sync.Pool, size int) *[]byte {
	if data, ok := p.Get().(*[]byte); ok {
		return data
	}
	data := make([]byte, size)
	return &data
}

func into(p *sync.Pool, data *[]byte) {
	if cap(*data) <= keptBuffer {
		p.Put(data)
	}
}

// input is what was read from a connection and not used yet.
type input struct {
	data *[]byte // nil between two exchanges
	r, w int
}

func (in *input) unread() []byte { return (*in.data)[in.r:in.w] }
func (in *input) len() int       { return in.w - in.r }

// space makes room behind what is unread; there is some unless limit bytes are unread.
func (in *input) space(limit int) []byte {
	if in.r == in.w {
		in.r, in.w = 0, 0
	}
	if in.w == len(*in.data) && in.r > 0 {
		in.w = copy(*in.data, in.unread())
		in.r = 0
	}
	if in.w == len(*in.data) && in.w < limit {
		grown := make([]byte, min(2*len(*in.data), limit))
		copy(grown, *in.data)
		*in.data = grown
	}
	return (*in.data)[in.w:]
}

// fill reads once from the connection.
func (in *input) fill(from io.Reader, limit int) error {
	n, err := from.Read(in.space(limit))
	in.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// take copies what is unread.
func (in *input) take(p []byte) int {
	n := copy(p, in.unread())
	in.r += n
	return n
}
