package httpfilter

import (
	"errors"
	"net/http"
	"sync"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// While a plugin holds a part of a response it may let go, answer, or send bytes of its own before the backend sends more:
// from a tick, or when a callout comes back. So a goroutine looks after the stream from the first pause on.

// watcher is that goroutine. The zero value does not run.
type watcher struct {
	open  bool          // the plugin holds a part of the body, and nobody writes: under the writer's lock
	again chan struct{} // it is open again
	quit  chan struct{} // nil while it does not run
	done  sync.WaitGroup
}

// watchHeld lets the guest reach what it holds, and looks after it. The lock must be held.
func (w *responseWriter) watchHeld() {
	h := &w.watch
	h.open = true
	if h.quit != nil {
		select {
		case h.again <- struct{}{}:
		default: // it has yet to see the last one
		}
		return
	}
	h.again, h.quit = make(chan struct{}, 1), make(chan struct{})
	again, quit := h.again, h.quit
	h.done.Go(func() {
		for {
			wake, ok := w.look()
			if !ok {
				return
			}
			select {
			case <-wake:
			case <-again:
			case <-quit:
				return
			}
		}
	})
}

// takeBack takes the body away from the guest, which may be at work on it on another goroutine. The lock must be held.
func (w *responseWriter) takeBack() {
	if w.watch.open {
		w.watch.open = false
		w.exchange.stream.Leave(abi.StreamHTTPResponse)
	}
}

// unwatch ends the watcher: the handler has returned, and its goroutine does the rest.
func (w *responseWriter) unwatch() {
	if w.watch.quit != nil {
		close(w.watch.quit)
		w.watch.done.Wait()
		w.watch.quit = nil
		w.takeBack()
	}
}

// look does what the guest asked for, and returns what to wait for next; ok is false when there is nothing more to do.
func (w *responseWriter) look() (wake <-chan struct{}, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.watch.open && w.dead == nil && w.exchange.active() {
		wake, v, ok := w.exchange.stream.Poll(abi.OnResponseBody)
		if !ok {
			return wake, true
		}
		if err := w.settleLate(v); err != nil {
			_ = w.die(err)
		}
	}
	return nil, w.dead == nil && w.exchange.active()
}

func (w *responseWriter) settleLate(v proxywasm.Verdict) error {
	if err := w.outcomeOf(v); err != nil {
		return err
	}
	if v.Paused() && w.exchange.active() {
		return nil
	}
	w.watch.open = false
	if err := w.release(false); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

var errCompleted = errors.New("the plugin has completed the response itself")

// outcomeOf sends what the guest has injected and turns the rest of a verdict into an error, as exchange.outcomeOf does.
func (w *responseWriter) outcomeOf(v proxywasm.Verdict) error {
	if v.Injected != nil && w.wroteHeader && !w.endsWith(w.headers.status) {
		w.exchange.stream.Leave(abi.StreamHTTPResponse)
		if err := w.inject(v.Injected); err != nil {
			return err
		}
	}
	return w.exchange.outcomeOf(v)
}

// inject sends bytes to the client now. The head goes first; a length that it declared would be wrong.
func (w *responseWriter) inject(in *proxywasm.Injection) error {
	switch {
	case !w.committed:
		w.headers.header.Del("Content-Length")
	case w.fixed && len(in.Data) > 0:
		return errLength
	}
	w.commit()
	if _, err := w.send(in.Data); err != nil {
		return err
	}
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		return err
	}
	if in.End {
		return errCompleted
	}
	return nil
}
