package httpfilter

import (
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// responseChunk is the most that a guest sees in one callback, however much a handler writes at once.
const responseChunk = 64 << 10

// responseWriter is what the next handler answers to. With a body callback the head is held back until the first data
// callback, so that a Content-Length that a plugin makes wrong can still be mended.
type responseWriter struct {
	http.ResponseWriter
	exchange *exchange
	base     []field      // what stood in the header before the next handler
	few      [2]field     // where base is, if it is no more than that
	own      http.Header  // the next handler's; nil when it is the client's, since nobody else touches that
	sent     atomic.Int64 // bytes of the body that were written

	headers     responseHeaders
	output      proxywasm.Body
	trailers    http.Header
	wroteHeader bool
	committed   bool  // the head is on its way
	through     bool  // no body callbacks: none wanted, an upgrade, or no body at all
	held        bool  // a header callback paused, but wants to see the body
	altered     bool  // the body has another length than the one that was declared
	fixed       bool  // committed with a Content-Length
	bodyless    bool  // committed with a status that permits no body: what comes is dropped
	dead        error // the response cannot go on

	mu    sync.Mutex // between the handler and the watcher
	watch watcher
}

// field is a name of a header with its values.
type field struct {
	name   string
	values []string
}

// wrap puts w between an exchange and the client.
func (w *responseWriter) wrap(x *exchange, client http.ResponseWriter) {
	header := client.Header()
	w.ResponseWriter, w.exchange, w.headers.header = client, x, header
	w.base = w.few[:0]
	for name, values := range header {
		w.base = append(w.base, field{name, values})
	}
	if x.has(abi.OnResponseBody) {
		w.own = header.Clone()
		if w.own == nil {
			w.own = http.Header{}
		}
	}
}

// Unwrap makes http.ResponseController find what is not wrapped here, such as Hijack.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Header implements http.ResponseWriter.
func (w *responseWriter) Header() http.Header {
	if w.own != nil {
		return w.own
	}
	return w.ResponseWriter.Header()
}

// publish makes the handler's header the client's. What the handler adds later can only be trailers.
func (w *responseWriter) publish() {
	if w.own != nil {
		clear(w.headers.header)
		for name, values := range w.own {
			w.headers.header[name] = values
		}
	}
}

// WriteHeader runs on_response_headers. Informational responses pass by.
func (w *responseWriter) WriteHeader(status int) {
	if w.wroteHeader {
		return
	}
	w.publish()
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.wroteHeader, w.headers.status = true, status
	eos := w.endsWith(status)
	if err := w.exchange.responseHeaders(eos); err != nil {
		w.dead = w.exchange.stop(err)
		return
	}
	w.through = w.through || eos || status == http.StatusSwitchingProtocols || isTunnel(w.exchange.request) ||
		!w.exchange.has(abi.OnResponseBody)
	if w.through {
		w.commit()
	}
}

// endsWith reports whether no body can follow a head.
func (w *responseWriter) endsWith(status int) bool {
	return w.exchange.request.Method == http.MethodHead || !bodyAllowed(status) || w.headers.length() == "0"
}

// bodyAllowed reports whether HTTP permits a body with a final status.
func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// commit sends the head.
func (w *responseWriter) commit() {
	if w.committed {
		return
	}
	w.committed, w.bodyless = true, !bodyAllowed(w.headers.status)
	if w.headers.status == http.StatusNoContent {
		w.headers.header.Del("Content-Length") // of the body that a plugin's status leaves out
	}
	w.fixed = w.headers.length() != ""
	w.ResponseWriter.WriteHeader(w.headers.status)
}

// Write shows what the handler writes to the plugin.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.begin()
	if w.through {
		return w.pass(p)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.takeBack()
	written := 0
	for w.dead == nil && written < len(p) {
		chunk := p[written:min(written+responseChunk, len(p))]
		n, err := w.show(chunk)
		written += n
		if err != nil {
			return written, w.die(err)
		}
	}
	return written, w.dead
}

// pass writes what no callback wants to see.
func (w *responseWriter) pass(p []byte) (int, error) {
	if w.dead != nil {
		return 0, w.dead
	}
	if err := w.flushHeld(); err != nil {
		return 0, w.die(err)
	}
	return w.send(p)
}

// send writes to the client.
func (w *responseWriter) send(p []byte) (int, error) {
	if w.bodyless {
		return len(p), nil
	}
	n, err := w.ResponseWriter.Write(p)
	w.sent.Add(int64(n))
	return n, err
}

// show runs a chunk through the plugin. The lock must be held.
func (w *responseWriter) show(chunk []byte) (int, error) {
	if w.passing() {
		return w.pass(chunk)
	}
	w.output.Append(chunk)
	held, err := w.data(false)
	if held {
		w.watchHeld()
	}
	return len(chunk), err
}

// flushHeld sends the head and what a plugin held that has failed open since, or that waited for the trailers.
func (w *responseWriter) flushHeld() error {
	if w.output.Len() > 0 || !w.committed && w.output.Resized() {
		return w.release(false)
	}
	w.commit()
	return nil
}

// passing reports whether chunks go on without a callback.
func (w *responseWriter) passing() bool {
	return w.through || !w.exchange.active()
}

// begin makes sure that there is a head.
func (w *responseWriter) begin() {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
}

func (w *responseWriter) die(err error) error {
	w.dead = w.exchange.stop(err)
	return w.dead
}

// reset makes the writer ready for an answer of the plugin's own.
func (w *responseWriter) reset() {
	header := w.Header()
	clear(w.headers.header)
	clear(header)
	for _, f := range w.base {
		header[f.name] = f.values
		w.headers.header[f.name] = f.values
	}
	w.output.Take()
	w.through = w.wroteHeader // in the response phases the callbacks have run
	w.wroteHeader, w.held, w.dead, w.altered, w.trailers = false, false, nil, false, nil
}

// setLength declares the length of a body that is known whole, where there was one or the body is the plugin's.
func (w *responseWriter) setLength(n int) {
	if w.headers.length() != "" || w.altered {
		w.headers.header.Set("Content-Length", strconv.Itoa(n))
	}
}

// Interface guards
var (
	_ http.ResponseWriter = (*responseWriter)(nil)
	_ http.Flusher        = (*responseWriter)(nil)
	_ io.ReaderFrom       = (*responseWriter)(nil)
)
