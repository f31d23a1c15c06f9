package wasmfilter

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/debuggate"
	"github.com/loom-gateway/loom/internal/pluginwatch"
)

// reportVar is the variable of a request by which its loom_wasm handlers share a *pluginwatch.Report.
const reportVar = "loom.debug_report"

// serveReported serves a request whose client may see what the plugins do. Handlers further in add to its report.
func (h *Handler) serveReported(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	report := &pluginwatch.Report{}
	caddyhttp.SetVar(r.Context(), reportVar, report)
	return report.Serve(w, r, func(w http.ResponseWriter) error {
		return asCaddyError(h.serve(pluginwatch.New(r.Context(), report), 0, w, r, next))
	})
}

// admits reports whether the client asks for a report, and may have it. The question is taken off the request in any case:
// neither a plugin nor a backend sees it.
func (h *Handler) admits(r *http.Request) bool {
	asked := debuggate.Take(r.Header)
	if asked == "" || h.gate == nil {
		return false
	}
	sent := debuggate.Request{Peer: r.RemoteAddr, Method: r.Method, Host: r.Host, URI: r.URL.RequestURI()}
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		sent.Peer, sent.Method, sent.URI = original.RemoteAddr, original.Method, original.URL.RequestURI()
	}
	if err := h.gate.Admit(asked, sent, time.Now()); err != nil {
		h.log.Debug("ignoring a request for a report on plugins", zap.String("header", debuggate.Header), zap.Error(err))
		return false
	}
	return true
}

// report is that of a handler further out, or nil.
func (h *Handler) report(r *http.Request) *pluginwatch.Report {
	if h.gate == nil {
		return nil
	}
	report, _ := caddyhttp.GetVar(r.Context(), reportVar).(*pluginwatch.Report)
	return report
}
