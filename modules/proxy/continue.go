package proxy

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"
)

// expectsContinue reports whether the client waits for 100 before it sends the body.
func expectsContinue(r *http.Request) bool {
	return len(r.Header["Expect"]) > 0 && httpguts.HeaderValuesContainsToken(r.Header["Expect"], "100-continue")
}

// saysContinue reports whether the server says 100 as soon as the body is read: the backend's would be a second one then. The
// server of HTTP/3 never does.
func saysContinue(r *http.Request) bool { return r.ProtoMajor < 3 && expectsContinue(r) }

// continuesOnce keeps a backend's 100 back, which reverse_proxy passes on.
type continuesOnce struct {
	caddyhttp.ResponseWriterWrapper
}

// WriteHeader implements http.ResponseWriter.
func (w *continuesOnce) WriteHeader(status int) {
	if status != http.StatusContinue {
		w.ResponseWriterWrapper.WriteHeader(status)
	}
}

// FlushError is what http.ResponseController calls.
func (w *continuesOnce) FlushError() error {
	return http.NewResponseController(w.ResponseWriter).Flush()
}
