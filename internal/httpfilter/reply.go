package httpfilter

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

var errTooLate = errors.New("a plugin wanted to answer after the response had begun")

// sendReply writes the plugin's own answer (proxy_send_local_response). The plugin's response callbacks see it, as in
// Envoy, unless it comes from one of them.
func (x *exchange) sendReply() error {
	w := &x.response
	if w.committed {
		return errTooLate
	}
	x.mu.Lock()
	reply := x.reply
	x.outcome = nil
	x.mu.Unlock()
	w.reset()
	if x.maybeSilent() {
		w.Header().Set("Connection", "close") // else net/http waits for the rest of the request before it writes the head
	}
	w.through = w.through || x.filter.plugin.SkipOwnLocalReply() // its response callbacks do not see it
	if x.grpc {
		x.writeGRPC(reply)
	} else {
		x.writeReply(reply)
	}
	w.unwatch()
	if stopped := x.stopped(); stopped != nil {
		return stopped
	}
	return w.end()
}

// maybeSilent reports whether the client may be about to send more of an HTTP/1 request, nobody knows when.
func (x *exchange) maybeSilent() bool {
	b := x.bodyReader
	return x.hasBody && x.request.ProtoMajor == 1 && (b != nil && !b.eof || b == nil && x.request.ContentLength < 0)
}

func (x *exchange) writeReply(reply *proxywasm.LocalReply) {
	w := &x.response
	addHeaders(w.Header(), reply)
	body := reply.Body
	switch {
	case !bodyAllowed(reply.Status):
		body = nil
		w.Header().Del("Content-Type")
	case len(body) == 0:
		w.Header().Del("Content-Type")
		w.Header().Set("Content-Length", "0")
	default:
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "text/plain")
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(reply.Status)
	switch {
	case x.request.Method == http.MethodHead || len(body) == 0:
	case w.passing():
		_, _ = w.Write(body) // the client is gone, or x.stopped says why
	default:
		w.output.Append(body) // whole, for the one callback that also ends the body
	}
}

func addHeaders(h http.Header, reply *proxywasm.LocalReply) {
	for _, p := range reply.Headers {
		name := strings.ToLower(p.Name)
		framing := name == "content-length" || name == "transfer-encoding" || strings.HasPrefix(name, ":")
		if !framing && check(p.Name, p.Value) == "" {
			h.Add(p.Name, p.Value)
		}
	}
}
