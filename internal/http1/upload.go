package http1

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// headPatience is how long a head waits for the beginning of its body, to be sent together with it.
	headPatience = time.Millisecond
	// endPatience is how long the end of a response waits for the end of its request's body, before the connection is given up.
	endPatience = 50 * time.Millisecond
	// chunkSpace is room for the size of a chunk and the line's end.
	chunkSpace = 10
)

// upload sends a request's body while the response may already come.
type upload struct {
	x       *exchange
	length  int64 // -1: chunked
	data    *[]byte
	head    int // bytes of the head in data
	started atomic.Bool
	asks    bool        // for `100 Continue`
	waiting *time.Timer // until the body is sent without it
	done    chan struct{}

	mu       sync.Mutex
	headSent bool
	patience *time.Timer
	refused  error // of the connection
	failed   error // of the body
}

func newUpload(x *exchange, head []byte) *upload {
	u := &upload{x: x, length: bodyLength(x.req), done: make(chan struct{})}
	u.data = from(&x.conn.client.buffers.large, largeBuffer)
	if len(head) <= cap(*u.data)/2 {
		u.head = copy(*u.data, head)
		return u
	}
	_, u.refused = x.conn.nc.Write(head)
	u.headSent = true
	return u
}

// begin sends the head, or leaves that to the body's beginning.
func (u *upload) begin() error {
	if u.refused != nil {
		return u.refused
	}
	if !hasToken(u.x.req.Header["Expect"], "100-continue") {
		u.proceed()
		return nil
	}
	u.sendHead()
	if u.refused != nil {
		return u.refused
	}
	u.asks = true
	u.waiting = time.AfterFunc(u.x.conn.client.settings.ContinueTimeout, u.proceed)
	return nil
}

// proceed sends the body from now on. Only the first call counts.
func (u *upload) proceed() {
	if !u.started.CompareAndSwap(false, true) {
		return
	}
	if !u.asks {
		u.mu.Lock()
		if !u.headSent {
			u.patience = time.AfterFunc(headPatience, u.sendHead)
		}
		u.mu.Unlock()
	}
	go u.run()
}

func (u *upload) sendHead() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.headSent {
		u.headSent = true
		u.write((*u.data)[:u.head])
	}
}

// write sends. The first failure stays: the response may be there all the same.
func (u *upload) write(data []byte) {
	if u.refused == nil {
		_, u.refused = u.x.conn.nc.Write(data)
	}
}

func (u *upload) run() {
	defer close(u.done)
	if err := u.copy(); err != nil {
		u.mu.Lock()
		u.failed = &RequestError{err}
		u.mu.Unlock()
		u.x.conn.abort()
	}
	closeBody(u.x.req)
	u.sendHead() // of a body that was empty after all
	into(&u.x.conn.client.buffers.large, u.data)
}

// copy returns the errors of the body only.
func (u *upload) copy() error {
	if u.length < 0 {
		return u.copyChunks()
	}
	for left := u.length; left > 0; {
		space := u.space(0, 0)
		n, err := u.x.req.Body.Read(space[:min(int64(len(space)), left)])
		left -= int64(n)
		if err != nil && left > 0 {
			return fmt.Errorf("reading the request's body, %d bytes before its end: %w", left, noEOF(err))
		}
		if n > 0 && !u.flush(0, n, 0) {
			return nil
		}
	}
	return u.expectEnd()
}

// expectEnd reads past the last byte: whoever sends the body may learn by that that it is over.
func (u *upload) expectEnd() error {
	var one [1]byte
	n, err := u.x.req.Body.Read(one[:])
	if n > 0 {
		return errors.New("reading the request's body: it is longer than its Content-Length")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the end of the request's body: %w", err)
	}
	return nil
}

func (u *upload) copyChunks() error {
	for {
		space := u.space(chunkSpace, len("\r\n"))
		n, err := u.x.req.Body.Read(space)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading the request's body: %w", err)
		}
		if n > 0 && !u.flush(chunkSpace, n, len("\r\n")) {
			return nil
		}
		if err != nil {
			return u.endChunks()
		}
	}
}

// space is where the next part of the body goes: behind the head as long as that may still be there.
func (u *upload) space(before, after int) []byte {
	data := *u.data
	return data[u.head+before : len(data)-after]
}

// flush sends n bytes that stand in space, with the head if it is there. It reports whether there is any use in going on.
func (u *upload) flush(before, n, after int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	data := *u.data
	begin, end := u.head+before, u.head+before+n
	if before > 0 {
		begin = putSize(data[:begin], n)
		end += copy(data[end:], "\r\n"[:after])
	}
	if !u.headSent {
		u.headSent = true
		u.patience.Stop()
		if begin > u.head {
			copy(data[begin-u.head:begin], data[:u.head])
		}
		begin -= u.head
	}
	u.write(data[begin:end])
	return u.refused == nil
}

// putSize writes the line with a chunk's size at the end of data, and returns where it begins.
func putSize(data []byte, n int) int {
	var line [chunkSpace]byte
	text := append(strconv.AppendInt(line[:0], int64(n), 16), "\r\n"...)
	return len(data) - copy(data[len(data)-len(text):], text)
}

func (u *upload) endChunks() error {
	end := []byte("0\r\n")
	trailer := u.x.req.Trailer
	if err := checkFields(trailer); err != nil {
		return err
	}
	for name, values := range trailer {
		if !isFramingField(http.CanonicalHeaderKey(name)) {
			end = appendField(end, name, values)
		}
	}
	u.sendHead()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.write(append(end, "\r\n"...))
	return nil
}

func (u *upload) isDone() bool {
	select {
	case <-u.done:
		return true
	default:
		return false
	}
}

// failure is what is wrong with the body; nil while nothing is.
func (u *upload) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.failed
}

// end reports whether the whole body was sent, for which it waits a moment. Else nothing more of it is.
func (u *upload) end(whole bool) bool {
	if u.waiting != nil {
		u.waiting.Stop()
	}
	if u.started.CompareAndSwap(false, true) { // the answer came instead of `100 Continue`
		closeBody(u.x.req)
		into(&u.x.conn.client.buffers.large, u.data)
		close(u.done)
		return false
	}
	if !whole || !u.await() {
		u.cancel()
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.refused == nil && u.failed == nil
}

func (u *upload) await() bool {
	if u.isDone() {
		return true
	}
	timer := time.NewTimer(endPatience)
	defer timer.Stop()
	select {
	case <-u.done:
		return true
	case <-timer.C:
		return false
	}
}

// cancel ends a write at once, and a Read of the body as soon as that lets itself be ended: some Close methods wait for a
// Read, so the response must not wait for them.
func (u *upload) cancel() {
	u.x.conn.abort()
	if !u.isDone() {
		go closeBody(u.x.req)
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
