package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/router"
)

// parseRouter reads the directive of the router. Directives in front of the routes are middleware: every request runs through
// them, in Caddy's order, also one that no route takes.
//
//	loom_router [<matcher>] {
//		encoded_slashes reject|keep
//		semicolons      reject|strip|keep
//		<directive>...
//		route [<id>] [<method>...] [<path>...] {
//			...
//		}
//	}
//
// The order of the routes does not matter, docs/routing.md tells which one wins.
func parseRouter(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	start := h.Token()
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
	directives, err := readRouterBlock(h, &b, handler)
	if err != nil {
		return nil, err
	}
	if len(directives) > 0 {
		if handler.MiddlewareRaw, err = parseDirectives(h, start, directives); err != nil {
			return nil, err
		}
	}
	if len(handler.Routes) == 0 {
		return nil, h.Errf("loom_router needs a route, such as `route /api/* { loom_proxy <upstream> }`")
	}
	if paths != (router.PathPolicy{}) {
		handler.Paths = &paths
	}
	return handler, nil
}

// readRouterBlock reads the router's own words and returns the directives in front of the routes.
func readRouterBlock(h httpcaddyfile.Helper, own *block, handler *router.Handler) ([]caddyfile.Segment, error) {
	var directives []caddyfile.Segment
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		if _, ok := own.words[h.Val()]; ok {
			if err := own.word(h.Dispenser); err != nil {
				return nil, err
			}
			continue
		}
		if word := nearestWord(h.Val(), "route", "encoded_slashes", "semicolons"); word != "" {
			return nil, h.Errf("loom_router does not know %q, did you mean %q?", h.Val(), word)
		}
		if len(handler.Routes) > 0 {
			return nil, h.Errf("%s stands behind a route: write it in front of the routes to have it for all of them, or into one", h.Val())
		}
		directives = append(directives, h.NextSegment())
	}
	return directives, nil
}
