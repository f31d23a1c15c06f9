// Package clientbody ends the reading of a request's body together with its handler.
//
// A proxy sends a body on another goroutine, and a backend may answer before the body is at its end. net/http has no answer
// to a Read that is under way when the handler returns: one that reaches the end a moment later makes the server's own read
// of the next request panic, and one that is interrupted leaves the rest of the body in the connection, where the server
// takes it for the next request.
package clientbody

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// patience bounds how long a handler waits for a Read that was told to end. One that a plugin holds back does not read from
// the connection, so nothing is wrong when it ends later.
const patience = time.Second

// Body is a request's body over HTTP/1. Nothing of it is read after End.
type Body struct {
	body    io.ReadCloser
	reading chan struct{} // holds a token while nobody reads
	ended   chan struct{} // closed by Close and End
	once    sync.Once
	whole   bool // read to its end; the reader's

	early *http.ResponseController // the response may come before that; nil: it may not
}

// Of replaces the body of a request, and returns nil where none can outlast its handler: there is none, or the protocol is
// not HTTP/1, whose servers end a Read by themselves.
func Of(r *http.Request) *Body {
	if r.ProtoMajor != 1 || r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b := &Body{body: r.Body, reading: make(chan struct{}, 1), ended: make(chan struct{})}
	b.reading <- struct{}{}
	r.Body = b
	return b
}

// Read fails with http.ErrBodyReadAfterClose after Close and End.
func (b *Body) Read(p []byte) (int, error) {
	select {
	case <-b.ended:
		return 0, http.ErrBodyReadAfterClose
	case <-b.reading:
	}
	defer func() { b.reading <- struct{}{} }()
	if b.isEnded() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.body.Read(p)
	b.whole = b.whole || err == io.EOF
	return n, err
}

// AnswerEarly lets an HTTP/1.1 response begin while the body is still coming. Otherwise net/http would read the rest of the body
// first, and a backend that answers early, or line by line, would stall. It may be called for a nil Body, which needs nothing.
func (b *Body) AnswerEarly(w http.ResponseWriter) {
	if b != nil {
		if rc := http.NewResponseController(w); rc.EnableFullDuplex() == nil {
			b.early = rc
		}
	}
}

// Close lets no other Read begin. The body itself is closed by the server: its Close would read on, beside the handler.
func (b *Body) Close() error {
	b.once.Do(func() { close(b.ended) })
	return nil
}

// Leave is Close, and ends a Read that is under way where the response may come early. That ends the request's context too, so the
// response has to be complete. It is called by the handler, before End.
func (b *Body) Leave() {
	_ = b.Close()
	select {
	case <-b.reading:
		b.reading <- struct{}{}
	default:
		if b.early != nil {
			_ = b.early.SetReadDeadline(time.Unix(1, 0))
		}
	}
}

func (b *Body) isEnded() bool {
	select {
	case <-b.ended:
		return true
	default:
		return false
	}
}

// End is called before the handler returns. A Read that is under way fails, and the connection serves no other request then; nor
// does it when an early answer leaves some of the body unread: net/http would read it behind the handler, begin to listen for
// the end of the connection with its last byte, and panic in whoever reads the next request's body. A nil Body has nothing to end.
func (b *Body) End(w http.ResponseWriter) {
	if b == nil {
		return
	}
	_ = b.Close()
	select {
	case <-b.reading: // and nobody else gets it
		if b.early != nil && !b.whole {
			Interrupt(w)
		}
		return
	default:
	}
	if !Interrupt(w) {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-b.reading:
	case <-timer.C:
	}
}

// Interrupt makes a Read of the client's body fail, and has the connection closed after the response: the server would take
// what is left of the body for the next request. It reports whether the server can do that.
func Interrupt(w http.ResponseWriter) bool {
	if http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) != nil {
		return false
	}
	// net/http has no call for it but this: a body over its limit.
	_, _ = http.MaxBytesReader(innermost(w), io.NopCloser(strings.NewReader("over")), 0).Read(make([]byte, 1))
	return true
}

func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapper.Unwrap()
	}
}
