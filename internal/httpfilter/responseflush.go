package httpfilter

import (
	"io"
	"net/http"
)

// The fast paths of a response: copying and flushing.

// ReadFrom keeps the fast path of the connection when nobody looks at the body.
func (w *responseWriter) ReadFrom(r io.Reader) (int64, error) {
	w.begin()
	if !w.through {
		return io.Copy(writerOnly{w}, r)
	}
	if w.dead != nil {
		return 0, w.dead
	}
	if err := w.flushHeld(); err != nil {
		return 0, w.die(err)
	}
	if w.bodyless {
		return io.Copy(io.Discard, r)
	}
	copyFrom := func(r io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, r) }
	if to, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		copyFrom = to.ReadFrom // io.Copy would rather have r write
	}
	n, err := copyFrom(r)
	w.sent.Add(n)
	return n, err
}

// writerOnly hides ReadFrom.
type writerOnly struct{ io.Writer }

// FlushError sends what the plugin has let through. A head that declares a length waits for the body: the plugin may
// make another one of it.
func (w *responseWriter) FlushError() error {
	w.begin()
	if !w.through {
		w.mu.Lock()
		defer w.mu.Unlock()
	}
	if w.dead != nil {
		return w.dead
	}
	if !w.passing() {
		waits := !w.committed && w.headers.length() != ""
		if w.held || waits || w.watch.open {
			return nil
		}
	}
	w.commit()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements http.Flusher.
func (w *responseWriter) Flush() { _ = w.FlushError() }
