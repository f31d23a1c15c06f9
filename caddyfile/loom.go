package caddyfile

import (
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/loom-gateway/loom/modules/gateway"
)

// parseLoom reads the global option: the plugins, upstreams and Redis servers that handlers name, who the gateway is, and who may
// see what plugins do.
//
//	loom {
//		plugin <name> [<path>] {
//			...
//		}
//		upstream <name> [<address>...] {
//			...
//		}
//		node {
//			...
//		}
//		shutdown_delay <duration>
//		debug {
//			...
//		}
//		redis <name> <address> {
//			...
//		}
//	}
//
// A second block adds to the first; a name may be defined once.
func parseLoom(d *caddyfile.Dispenser, existing any) (any, error) {
	app, err := earlier(existing)
	if err != nil {
		return nil, err
	}
	d.Next()
	if d.NextArg() {
		return nil, d.Errf("loom takes no value, only a block")
	}
	b := block{
		owner: "loom",
		words: map[string]reader{
			"plugin":         func(d *caddyfile.Dispenser) error { return readPlugin(d, app.Plugins) },
			"upstream":       func(d *caddyfile.Dispenser) error { return readUpstream(d, app.Upstreams) },
			"node":           func(d *caddyfile.Dispenser) error { return readNode(d, app) },
			"shutdown_delay": duration(&app.ShutdownDelay),
			"debug":          func(d *caddyfile.Dispenser) error { return readDebug(d, app) },
			"redis":          func(d *caddyfile.Dispenser) error { return readRedis(d, app) },
		},
		many: []string{"plugin", "upstream", "redis"},
	}
	if err := b.read(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "loom", Value: caddyconfig.JSON(app, nil)}, nil
}

// earlier returns what the blocks before this one have defined.
func earlier(existing any) (*gateway.App, error) {
	app := &gateway.App{}
	if before, ok := existing.(httpcaddyfile.App); ok {
		if err := json.Unmarshal(before.Value, app); err != nil {
			return nil, fmt.Errorf("reading the earlier loom block: %w", err)
		}
	}
	if app.Plugins == nil {
		app.Plugins = make(map[string]*gateway.Plugin)
	}
	if app.Upstreams == nil {
		app.Upstreams = make(map[string]*gateway.Upstream)
	}
	return app, nil
}
