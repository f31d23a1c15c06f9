package upstream

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"

	"github.com/loom-gateway/loom/internal/http1"
)

// hints passes the informational responses of several attempts on, as if there were one. `100 Continue` is passed once. Any
// other is part of the response, so that there is no other attempt after it.
type hints struct {
	inform http1.Informational // nil: nobody listens

	mu        sync.Mutex
	attempt   int  // of whom something may be passed on; net/http may still hear of one that has ended
	listening bool // it has not ended
	continued bool
	begun     bool
}

// of finds who listens: inform, or else the httptrace.ClientTrace of the request's context, of which the engines do not
// hear then.
func (h *hints) of(req *http.Request, inform http1.Informational) *http.Request {
	if h.inform = inform; inform != nil {
		return req
	}
	trace := httptrace.ContextClientTrace(req.Context())
	if trace == nil || trace.Got1xxResponse == nil {
		return req
	}
	h.inform = func(status int, header http.Header) error {
		return trace.Got1xxResponse(status, textproto.MIMEHeader(header))
	}
	return req.WithContext(untraced{req.Context()})
}

// next is the ear for another attempt.
func (h *hints) next() http1.Informational {
	if h.inform == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attempt++
	h.listening = true
	attempt := h.attempt
	return func(status int, header http.Header) error { return h.pass(attempt, status, header) }
}

func (h *hints) pass(attempt, status int, header http.Header) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case attempt != h.attempt || !h.listening, status == http.StatusContinue && h.continued:
		return nil
	case status == http.StatusContinue:
		h.continued = true
	default:
		h.begun = true
	}
	return h.inform(status, header)
}

// unasked is the request without `Expect: 100-continue`, once the client was told to continue: it does not wait any more.
func (h *hints) unasked(req *http.Request) *http.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.continued && len(req.Header["Expect"]) > 0 {
		req.Header = req.Header.Clone()
		delete(req.Header, "Expect")
	}
	return req
}

// stop ends the attempt.
func (h *hints) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listening = false
}

// passed reports whether the client has a part of a response.
func (h *hints) passed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.begun
}

// untraced is a context without its httptrace.ClientTrace.
type untraced struct{ context.Context } //nolint:containedctx // it is one

// Value implements context.Context.
func (c untraced) Value(key any) any {
	value := c.Context.Value(key)
	if _, ok := value.(*httptrace.ClientTrace); ok {
		return nil
	}
	return value
}
