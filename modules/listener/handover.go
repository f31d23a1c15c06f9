package listener

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/handover"
)

var registry handover.Registry //nolint:gochecknoglobals // connections outlive a config

func init() { caddy.RegisterModule(new(Handover)) }

// Handover is a listener wrapper for HTTP servers (`loom_handover`). When a reload shuts its server down, HTTP/1.1 connections that are idle,
// or have a request that no handler has begun with, go on with the new configuration's server instead of being closed under a client.
// They do if both servers have the same address, listener wrappers and TLS settings; else they are closed as Caddy does.
//
// It must be the last wrapper, and it works with TLS and without. It has no options. The socket itself is kept by an
// address of the network `loomtcp`.
type Handover struct {
	server   *caddyhttp.Server
	follower *handover.Server
	settings string
}

// CaddyModule returns the Caddy module information.
func (*Handover) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.listeners.loom_handover", New: func() caddy.Module { return new(Handover) }}
}

// Provision sets the hooks of the server.
func (h *Handover) Provision(ctx caddy.Context) error {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return errors.New("loom_handover is a listener wrapper for HTTP servers only")
	}
	h.server = server
	settings, err := json.Marshal([]any{server.ListenerWrappersRaw, server.TLSConnPolicies})
	if err != nil {
		return fmt.Errorf("reading the settings of the server: %w", err)
	}
	h.settings = string(settings)
	if verifiesByModule(server) { // whose reasons cannot be compared
		h.settings += fmt.Sprintf("%p", h)
	}
	h.follower = handover.NewServer(&registry, server, h.timeouts)
	server.RegisterConnContext(h.follower.ConnContext)
	server.RegisterConnState(h.follower.ConnState)
	return nil
}

// WrapListener implements caddy.ListenerWrapper.
func (h *Handover) WrapListener(l net.Listener) net.Listener {
	kind := handover.Kind{Settings: h.settings}
	for _, policy := range h.server.TLSConnPolicies {
		kind.ClientCAs = append(kind.ClientCAs, policy.TLSConfig.ClientCAs)
	}
	return h.follower.Listen(l, kind)
}

// Cleanup gives everything to the next configuration before the reload is reported as done. Caddy has begun to shut the server down,
// which goes on by itself.
func (h *Handover) Cleanup() error {
	if h.follower != nil {
		h.follower.Leave()
	}
	return nil
}

// timeouts are those that net/http would take.
func (h *Handover) timeouts() handover.Timeouts {
	t := handover.Timeouts{Idle: time.Duration(h.server.IdleTimeout)}
	for _, limit := range []caddy.Duration{h.server.ReadHeaderTimeout, h.server.ReadTimeout, h.server.WriteTimeout} {
		if d := time.Duration(limit); d > 0 && (t.Handshake == 0 || d < t.Handshake) {
			t.Handshake = d
		}
	}
	return t
}

func verifiesByModule(server *caddyhttp.Server) bool {
	for _, policy := range server.TLSConnPolicies {
		if a := policy.ClientAuthentication; a != nil && len(a.VerifiersRaw) > 0 {
			return true
		}
	}
	return false
}

// UnmarshalCaddyfile reads `loom_handover`.
func (*Handover) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	if d.NextBlock(d.Nesting()) {
		return d.Err("loom_handover has no options")
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Handover)(nil)
	_ caddy.CleanerUpper    = (*Handover)(nil)
	_ caddy.ListenerWrapper = (*Handover)(nil)
	_ caddyfile.Unmarshaler = (*Handover)(nil)
)
