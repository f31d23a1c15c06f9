package http1

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

var errBodyClosed = errors.New("read of a response's body after it was closed")

// body is a response's body. Whoever reads it to the end gives the connection back.
type body struct {
	x         *exchange
	framing   framing
	remaining int64 // of the body, or of the chunk; -1: until the connection closes
	chunks    chunks

	mu  sync.Mutex // held while reading
	err error      // what further reads say

	owner sync.Mutex
	over  bool // the connection is someone else's
}

// Read implements io.Reader. The end comes with the last bytes where it is known.
func (b *body) Read(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	n, err = b.read(p)
	if err == nil {
		return n, nil
	}
	if n > 0 && errors.Is(err, io.EOF) && b.x.upload != nil && !b.x.upload.isDone() {
		return n, nil // the end waits for the upload; what has come does not
	}
	b.err = b.finish(err)
	return n, b.err
}

func (b *body) read(p []byte) (int, error) {
	if b.framing.chunked {
		return b.readChunks(p)
	}
	if b.remaining == 0 {
		return 0, io.EOF
	}
	n, err := b.readSome(p)
	if b.remaining == 0 {
		return n, io.EOF
	}
	if errors.Is(err, io.EOF) && b.remaining > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// readSome reads no more than remains, from what has come or else from the connection.
func (b *body) readSome(p []byte) (n int, err error) {
	if b.remaining >= 0 && int64(len(p)) > b.remaining {
		p = p[:b.remaining]
	}
	if in := &b.x.conn.in; in.len() > 0 {
		n = in.take(p)
	} else {
		n, err = b.x.conn.nc.Read(p)
	}
	if b.remaining >= 0 {
		b.remaining -= int64(n)
	}
	return n, err
}

// Buffered is how many bytes of the body, and of what frames it, have come already.
func (b *body) Buffered() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0
	}
	return b.x.conn.in.len()
}

// finish ends the exchange and says what has ended it.
func (b *body) finish(err error) error {
	if !b.leave() {
		return errBodyClosed
	}
	b.x.end(errors.Is(err, io.EOF))
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if ctx := b.x.req.Context(); ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if u := b.x.upload; u != nil && u.failure() != nil {
		return u.failure()
	}
	return err
}

// leave reports whether the connection was the body's until now.
func (b *body) leave() bool {
	b.owner.Lock()
	defer b.owner.Unlock()
	was := !b.over
	b.over = true
	return was
}

// Close implements io.Closer. What was not read is not wanted: the connection is closed, also under a Read that waits.
func (b *body) Close() error {
	b.owner.Lock()
	if b.over {
		b.owner.Unlock()
		return nil
	}
	b.over = true
	b.owner.Unlock()
	b.x.conn.abort()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.x.end(false)
	if b.err == nil {
		b.err = errBodyClosed
	}
	return nil
}

// setTrailer is called at the end of the chunks.
func (b *body) setTrailer(trailer http.Header) {
	if b.x.res.Trailer == nil {
		b.x.res.Trailer = trailer
		return
	}
	for name, values := range trailer {
		b.x.res.Trailer[name] = values
	}
}
