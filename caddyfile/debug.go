package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/loom-gateway/loom/modules/gateway"
)

// readDebug reads who may see what plugins do to a request.
//
//	debug {
//		loopback
//		key    <text>
//		window <duration>
//	}
func readDebug(d *caddyfile.Dispenser, app *gateway.App) error {
	if app.Debug != nil {
		return d.Errf("debug is defined twice")
	}
	app.Debug = &gateway.Debug{}
	b := block{owner: "debug", words: map[string]reader{
		"loopback": onOff(&app.Debug.Loopback),
		"key":      text(&app.Debug.Key),
		"window":   duration(&app.Debug.Window),
	}}
	return b.readAlone(d)
}
