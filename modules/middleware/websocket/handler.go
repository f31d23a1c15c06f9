// Package websocket is http.handlers.loom_websocket: a policy for WebSockets.
package websocket

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/origins"
)

// self is the word for pages of the same host.
const self = "self"

func init() {
	caddy.RegisterModule(Handler{})
}

// CaddyModule says who the module is.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.loom_websocket", New: func() caddy.Module { return new(Handler) }}
}

// Provision refuses settings that do not work.
func (h *Handler) Provision(caddy.Context) error {
	if err := h.Check(); err != nil {
		return err
	}
	h.self = slices.Contains(h.Origins, self)
	if others := h.others(); len(others) > 0 {
		var err error
		h.allowed, err = origins.New(others)
		return err
	}
	return nil
}

// Check reports what is wrong with the settings.
func (h *Handler) Check() error {
	if h.Deny && (len(h.Origins) > 0 || h.IdleTimeout != 0 || h.MaxMessage != 0) {
		return errors.New("deny stands beside settings of WebSockets that pass: keep one")
	}
	if h.IdleTimeout < 0 {
		return fmt.Errorf("idle_timeout %s: it is below zero", time.Duration(h.IdleTimeout))
	}
	if h.MaxMessage < 0 {
		return fmt.Errorf("max_message %d: it is below zero", h.MaxMessage)
	}
	if others := h.others(); len(others) > 0 {
		_, err := origins.New(others)
		return err
	}
	return nil
}

// others are the origins but self.
func (h *Handler) others() []string {
	return slices.DeleteFunc(slices.Clone(h.Origins), func(o string) bool { return o == self })
}

// ServeHTTP lets a WebSocket pass, or not. Other requests it leaves alone.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !isWebSocket(r) {
		return next.ServeHTTP(w, r)
	}
	if h.Deny {
		return caddyhttp.Error(http.StatusForbidden, errors.New("WebSockets are not allowed here"))
	}
	if !h.admits(r) {
		return caddyhttp.Error(http.StatusForbidden, errors.New("pages of this origin may not open WebSockets here"))
	}
	if h.IdleTimeout == 0 && h.MaxMessage == 0 {
		return next.ServeHTTP(w, r)
	}
	t := newTunnel(h, w, r)
	defer t.end()
	return next.ServeHTTP(t.writer(), r)
}

// isWebSocket reports whether the request opens a WebSocket, or may be taken for one by a backend.
func isWebSocket(r *http.Request) bool {
	if r.Method == http.MethodConnect && r.ProtoMajor > 1 {
		return strings.EqualFold(r.Header.Get(":protocol"), "websocket") || strings.EqualFold(r.Proto, "websocket")
	}
	return len(r.Header["Upgrade"]) > 0 && httpguts.HeaderValuesContainsToken(r.Header["Upgrade"], "websocket")
}

// admits reports whether the page that opens the WebSocket may.
func (h *Handler) admits(r *http.Request) bool {
	if len(h.Origins) == 0 || len(r.Header["Origin"]) == 0 {
		return true
	}
	for _, origin := range r.Header["Origin"] { // of a browser there is one
		if !(h.self && sameHost(origin, r)) && (h.allowed == nil || !h.allowed.Has(origin)) {
			return false
		}
	}
	return true
}

// sameHost reports whether the page came from the host that the request is for. The scheme may be another where TLS ends in front of
// the gateway.
func sameHost(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
