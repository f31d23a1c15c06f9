// Package tracing is http.handlers.loom_tracing: OpenTelemetry's spans of requests.
package tracing

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/tracing"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/loom-gateway/loom/internal/responsehead"
	"github.com/loom-gateway/loom/modules/gateway"
)

const defaultSpan = "{http.request.method} {loom.route.id}"

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_tracing", New: func() caddy.Module { return new(Handler) }}
}

// Provision prepares the exporter that all of the process share.
func (h *Handler) Provision(ctx caddy.Context) error {
	spans := &tracing.Tracing{SpanName: cmp.Or(h.Span, defaultSpan), SpanAttributes: h.Attributes}
	if err := spans.Provision(ctx); err != nil {
		return err
	}
	h.spans = spans
	return nil
}

// Cleanup exports what there is, with the last config that traces.
func (h *Handler) Cleanup() error {
	if h.spans == nil {
		return nil
	}
	return h.spans.Cleanup()
}

// ServeHTTP has the request in a span.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	outer := &writer{}
	outer.Wrap(w, nil)
	return h.spans.ServeHTTP(outer, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		span := trace.SpanFromContext(r.Context())
		if !span.IsRecording() {
			return next.ServeHTTP(w, r)
		}
		describe(span, r)
		returned := false
		defer func() {
			if !returned {
				span.SetStatus(codes.Error, "a handler panicked")
			}
		}()
		err := next.ServeHTTP(w, r)
		returned = true
		outer.tell(w, span, err)
		return err
	}))
}

func describe(span trace.Span, r *http.Request) {
	vars := gateway.VarsOf(r.Context())
	if route := vars.Route(); route != nil {
		span.SetAttributes(attribute.String("loom.route", route.ID))
	}
	if id := vars.RequestID(); id != "" {
		span.SetAttributes(attribute.String("loom.request_id", id))
	}
}

// writer is the response, in front of the span's own writer.
type writer struct {
	responsehead.Writer
	silent bool
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	if !w.silent {
		w.Writer.WriteHeader(status)
	}
}

// tell has the span know the status of an error: it looks at what is written, and an error is written when the span has ended.
func (w *writer) tell(spans http.ResponseWriter, span trace.Span, err error) {
	if err == nil {
		return
	}
	status := http.StatusInternalServerError
	if e := (caddyhttp.HandlerError{}); errors.As(err, &e) && e.StatusCode != 0 {
		status = e.StatusCode
	}
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, err.Error())
	}
	if w.Status() == 0 {
		w.silent = true
		spans.WriteHeader(status)
		w.silent = false
	}
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
