package cors

import (
	"net/http"

	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/responsehead"
)

// writer has the gateway's CORS headers on a response, and nobody else's: two Access-Control-Allow-Origin are none to a browser,
// and a backend's own would allow what the gateway does not.
type writer struct {
	responsehead.Writer
	own http.Header
}

// Head implements responsehead.Hook.
func (w *writer) Head(_ int, header http.Header) { w.enforce(header) }

func (w *writer) enforce(header http.Header) {
	for _, name := range responseHeaders {
		delete(header, name)
	}
	for name, values := range w.own {
		if name != "Vary" {
			header[name] = values
			continue
		}
		for _, value := range values {
			if !httpguts.HeaderValuesContainsToken(header["Vary"], value) {
				header.Add("Vary", value)
			}
		}
	}
}

// responseHeaders are those of the protocol.
var responseHeaders = [...]string{ //nolint:gochecknoglobals // constant
	"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers", "Access-Control-Allow-Methods",
	"Access-Control-Allow-Headers", "Access-Control-Max-Age", privateNetwork,
}

const privateNetwork = "Access-Control-Allow-Private-Network"

// collector is a response of which only the headers count.
type collector struct{ header http.Header }

// Header implements http.ResponseWriter.
func (c collector) Header() http.Header { return c.header }

// Write implements http.ResponseWriter.
func (c collector) Write(data []byte) (int, error) { return len(data), nil }

// WriteHeader implements http.ResponseWriter.
func (c collector) WriteHeader(int) {}

// forPreflight is w, or one that adds what the library does not know.
func (h *Handler) forPreflight(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	if !h.PrivateNetwork || r.Header.Get("Access-Control-Request-Private-Network") != "true" {
		return w
	}
	return responsehead.New(w, private{})
}

// private allows a private network to those who are allowed at all.
type private struct{}

// Head implements responsehead.Hook.
func (private) Head(status int, header http.Header) {
	if status == http.StatusNoContent {
		header[privateNetwork] = []string{"true"}
	}
}

// Interface guards
var (
	_ responsehead.Hook   = (*writer)(nil)
	_ responsehead.Hook   = private{}
	_ http.ResponseWriter = collector{}
)
