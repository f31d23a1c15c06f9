// Package metrics is http.handlers.loom_metrics: it counts requests by method, route and status.
package metrics

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/responsehead"
	"github.com/loom-gateway/loom/modules/gateway"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_metrics", New: func() caddy.Module { return new(Handler) }}
}

// Provision prepares the counts of requests that no route takes; those of routes are the router's.
func (h *Handler) Provision(ctx caddy.Context) error {
	loom, err := ctx.App("loom")
	if err != nil {
		return fmt.Errorf("finding the loom app: %w", err)
	}
	h.unrouted, err = loom.(*gateway.App).RouteRequests("")
	return err
}

// CountsRequests has the router prepare the counts of its routes.
func (h *Handler) CountsRequests() {}

// ServeHTTP counts the request when it has its response.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	requests := h.unrouted
	if route := gateway.VarsOf(r.Context()).Route(); route != nil && route.Requests != nil {
		requests = route.Requests
	}
	rw, method, began := responsehead.New(w, nil), r.Method, time.Now()
	returned := false
	defer func() {
		if !returned { // it panics: without a response it will be a 500
			requests.Done(method, statusOf(rw.Status(), http.StatusInternalServerError), time.Since(began))
		}
	}()
	err := next.ServeHTTP(rw, r)
	returned = true
	requests.Done(method, statusOf(rw.Status(), errorStatus(err)), time.Since(began))
	return err
}

func statusOf(written, otherwise int) int {
	if written != 0 {
		return written
	}
	return otherwise
}

// errorStatus is what Caddy answers after a handler that has written nothing.
func errorStatus(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if e := (caddyhttp.HandlerError{}); errors.As(err, &e) && e.StatusCode != 0 {
		return e.StatusCode
	}
	return http.StatusInternalServerError
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ gateway.RequestCounter      = (*Handler)(nil)
)
