package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/router"
)

// parseRouter reads the directive of the router.
//
//	loom_router [<matcher>] {
//		route [<id>] [<method>...] [<path>...] {
//			...
//		}
//		encoded_slashes reject|keep
//		semicolons      reject|strip|keep
//	}
//
// The order of the routes does not matter, docs/routing.md tells which one wins.
func parseRouter(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	if h.NextArg() {
		return nil, h.Errf("loom_router takes no value, only a block with routes")
	}
	handler, paths := &router.Handler{}, router.PathPolicy{}
	b := block{
		owner: "loom_router",
		words: map[string]reader{
			"route":           func(*caddyfile.Dispenser) error { return readRoute(h, handler) },
			"encoded_slashes": text(&paths.EncodedSlashes),
			"semicolons":      text(&paths.Semicolons),
		},
		many: []string{"route"},
	}
	if err := b.read(h.Dispenser); err != nil {
		return nil, err
	}
	if len(handler.Routes) == 0 {
		return nil, h.Errf("loom_router needs a route, such as `route /api/* { loom_proxy <upstream> }`")
	}
	if paths != (router.PathPolicy{}) {
		handler.Paths = &paths
	}
	return handler, nil
}
