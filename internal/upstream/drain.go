package upstream

import (
	"io"
	"net/http"
)

// drainLimit is how much of a response that nobody wants is read, so that its connection can be used again.
const drainLimit = 64 << 10

// drain reads the rest of a response that is not the client's. drained is closed when that is done. giveUp makes an end of
// it, and must be called.
func (r *retrying) drain(res *http.Response) (drained <-chan struct{}, giveUp func()) {
	done := make(chan struct{})
	if res == nil {
		close(done)
		return done, r.end
	}
	body := res.Body
	if watched, ok := body.(*watchedBody); ok { // how it ends says nothing about the endpoint
		body = watched.ReadCloser
	}
	go func() {
		defer close(done)
		if res.ContentLength <= drainLimit {
			_, _ = io.CopyN(io.Discard, body, drainLimit)
		}
		_ = body.Close()
	}()
	return done, func() {
		r.end() // Close by itself may wait for the client: HTTP/2 does, while the request's body is read
		<-done
	}
}
