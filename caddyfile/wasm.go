package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/wasmfilter"
)

// parseWasm reads the directive that runs plugins of the global option, or bundled ones. The first
// form names them, the second configures one for this place, the third several.
//
//	loom_wasm [<matcher>] <plugin>...
//	loom_wasm [<matcher>] <plugin> {
//		config <text> | { <key> <value>... }
//	}
//	loom_wasm [<matcher>] {
//		plugin <plugin> {
//			config <text> | { <key> <value>... }
//		}
//	}
func parseWasm(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	handler := &wasmfilter.Handler{}
	for _, name := range h.RemainingArgs() {
		handler.Plugins = append(handler.Plugins, wasmfilter.PluginRef{Name: name})
	}
	if err := wasmBlock(handler).read(h.Dispenser); err != nil {
		return nil, err
	}
	if len(handler.Plugins) == 0 {
		return nil, h.Errf("loom_wasm needs the name of a plugin")
	}
	return handler, nil
}

func wasmBlock(handler *wasmfilter.Handler) *block {
	switch len(handler.Plugins) {
	case 0:
		return &block{
			owner: "loom_wasm",
			words: map[string]reader{"plugin": func(d *caddyfile.Dispenser) error { return readPluginRef(d, handler) }},
			many:  []string{"plugin"},
		}
	case 1:
		return pluginRefBlock(&handler.Plugins[0])
	}
	refuse := func(d *caddyfile.Dispenser) error {
		return d.Errf("loom_wasm has a block for one plugin; for several, write loom_wasm { plugin <name> { config … } }")
	}
	return &block{owner: "loom_wasm", words: map[string]reader{"config": refuse, "plugin": refuse}}
}

func readPluginRef(d *caddyfile.Dispenser, handler *wasmfilter.Handler) error {
	args := d.RemainingArgs()
	if len(args) != 1 {
		return d.Errf("plugin takes one name")
	}
	ref := wasmfilter.PluginRef{Name: args[0]}
	if err := pluginRefBlock(&ref).read(d); err != nil {
		return err
	}
	handler.Plugins = append(handler.Plugins, ref)
	return nil
}

func pluginRefBlock(ref *wasmfilter.PluginRef) *block {
	return &block{owner: "plugin " + ref.Name, words: map[string]reader{
		"config": func(d *caddyfile.Dispenser) error {
			ref.Config = new(string)
			return configuration(ref.Config)(d)
		},
	}}
}
