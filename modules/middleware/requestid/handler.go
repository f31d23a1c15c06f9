// Package requestid is http.handlers.loom_request_id: an id for each request, the same for everybody who sees it.
package requestid

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"
	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/responsehead"
	"github.com/loom-gateway/loom/modules/gateway"
)

// maxLength is the longest id that is taken over.
const maxLength = 128

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_request_id", New: func() caddy.Module { return new(Handler) }}
}

// Provision checks the name of the field.
func (h *Handler) Provision(caddy.Context) error {
	h.name = http.CanonicalHeaderKey(cmp.Or(h.Header, "X-Request-Id"))
	if !httpguts.ValidHeaderFieldName(h.name) {
		return fmt.Errorf("header %q: write the name of a field, such as X-Request-Id", h.Header)
	}
	return nil
}

// ServeHTTP gives the request its id.
//
// Placeholder | Description
// ------------|-------------
// `{loom.request_id}` | the id of the request
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	vars := gateway.VarsOf(r.Context())
	trusted, _ := vars[caddyhttp.TrustedProxyVarKey].(bool)
	value := r.Header[h.name]
	if !trusted || len(value) != 1 || !sane(value[0]) {
		value = []string{uuid.Must(uuid.NewV7()).String()}
	}
	r.Header[h.name] = value
	publish(r, vars, value[0])
	w.Header()[h.name] = []string{value[0]} // for an error page; a backend's comes in between otherwise
	rw := &writer{name: h.name, id: value[0]}
	rw.Wrap(w, rw)
	return next.ServeHTTP(rw, r)
}

func publish(r *http.Request, vars gateway.Vars, id string) {
	if vars != nil {
		vars[gateway.RequestIDVar] = id
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("loom.request_id", id)
	}
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Set(zap.String("request_id", id))
	}
}

// sane reports whether an id can stand in headers, logs and addresses as it is.
func sane(id string) bool {
	if id == "" || len(id) > maxLength {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("-_.~:/+=@", c) >= 0) {
			return false
		}
	}
	return true
}

// writer puts the id on the response, in place of one that a backend has sent.
type writer struct {
	responsehead.Writer
	name, id string
}

// Head implements responsehead.Hook.
func (w *writer) Head(_ int, header http.Header) { header[w.name] = []string{w.id} }

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ responsehead.Hook           = (*writer)(nil)
)
