// Package recovery is http.handlers.loom_recovery: a panic becomes a 500, a line in the log and a number in the metrics.
package recovery

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/responsehead"
	"github.com/loom-gateway/loom/modules/gateway"
)

const (
	// maxStack and maxValue bound what a panic puts into the log, in bytes.
	maxStack = 16 << 10
	maxValue = 1 << 10
)

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_recovery", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the app, which counts panics.
func (h *Handler) Provision(ctx caddy.Context) error {
	loom, err := ctx.App("loom")
	if err != nil {
		return fmt.Errorf("finding the loom app: %w", err)
	}
	h.app, h.log = loom.(*gateway.App), ctx.Logger()
	return nil
}

// ServeHTTP makes a panic a 500. One in the middle of a response breaks the response off: the client must not take it for whole.
// http.ErrAbortHandler, by which a handler asks for just that, goes on as it is.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (err error) {
	rw := responsehead.New(w, nil)
	defer func() {
		if value := recover(); value != nil {
			err = h.recovered(value, rw.Status() != 0, r)
		}
	}()
	return next.ServeHTTP(rw, r)
}

func (h *Handler) recovered(value any, begun bool, r *http.Request) error {
	if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(value)
	}
	h.app.CountPanic()
	h.report(value, r)
	if begun {
		panic(http.ErrAbortHandler)
	}
	return caddyhttp.Error(http.StatusInternalServerError, errors.New("a handler panicked, its stack is in the log"))
}

// report logs the panic. It is called while the stack is still that of the panic.
func (h *Handler) report(value any, r *http.Request) {
	stack := make([]byte, maxStack)
	stack = stack[:runtime.Stack(stack, false)]
	text := fmt.Sprint(value)
	fields := []zap.Field{
		zap.String("panic", text[:min(len(text), maxValue)]), zap.String("method", r.Method), zap.String("path", r.URL.Path),
		zap.ByteString("stack", stack),
	}
	vars := gateway.VarsOf(r.Context())
	if route := vars.Route(); route != nil {
		fields = append(fields, zap.String("route", route.ID))
	}
	if id := vars.RequestID(); id != "" {
		fields = append(fields, zap.String("request_id", id))
	}
	h.log.Error("a handler panicked", fields...)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
