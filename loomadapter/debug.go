package loomadapter

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/modules/gateway"
)

// debug is who may see what plugins do to a request, or nil.
func (c *converter) debug() *gateway.Debug {
	d := c.doc.Debug
	if d == nil {
		return nil
	}
	if !d.Loopback && d.Key == "" {
		c.errorf(d.Pos, "nobody could ask: write loopback: true, or a key to sign requests with")
	}
	return &gateway.Debug{Loopback: d.Loopback, Key: d.Key, Window: caddy.Duration(d.Window)}
}
