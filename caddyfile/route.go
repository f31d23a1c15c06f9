package caddyfile

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/modules/router"
)

// readRoute reads one route: what it matches, then the directives that answer.
//
//	route [<id>] [<method>...] [<path>...] {
//		host         <name>...
//		path         <pattern>...
//		method       <method>...
//		match_header <name> <value>
//		match_query  <name> <value>
//		priority     <number>
//		strip_prefix <prefix>
//		rewrite      <target>
//		without      <handler>...
//		middleware {
//			<directive>...
//		}
//		<directive>...
//	}
//
// Directives run in Caddy's order, as in `handle`; write them in `route { … }` to run them as
// written. `without` names middleware of the router that the route leaves out, such as loom_cors; `middleware` has what takes
// the place of the router's. A route's own words hide the directives `method` and `rewrite` of Caddy; inside `route { … }` they are back.
func readRoute(h httpcaddyfile.Helper, handler *router.Handler) error {
	start := h.Token()
	route := &router.Route{}
	if err := readRouteLine(h, route); err != nil {
		return err
	}
	directives, err := readRouteBlock(h, route)
	if err != nil {
		return err
	}
	if err := checkPaths(h, route.Paths); err != nil {
		return err
	}
	if len(directives) == 0 {
		return h.Errf("route needs a directive that answers, such as `loom_proxy <upstream>`")
	}
	if route.HandlersRaw, err = parseDirectives(h, start, directives); err != nil {
		return err
	}
	handler.Routes = append(handler.Routes, route)
	return nil
}

// readRouteLine reads what stands before the block: methods are upper case, paths begin with a slash or a
// star, and what comes first and is neither is the id.
func readRouteLine(h httpcaddyfile.Helper, route *router.Route) error {
	for i, arg := range h.RemainingArgs() {
		switch {
		case strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, "*"):
			route.Paths = append(route.Paths, arg)
		case slices.Contains(methods(), arg):
			route.Methods = append(route.Methods, arg)
		case slices.Contains(methods(), strings.ToUpper(arg)):
			return h.Errf("methods are written in upper case: %s, not %s", strings.ToUpper(arg), arg)
		case i == 0:
			route.ID = arg
		default:
			return h.Errf("route takes [<id>] [<method>...] [<path>...], %q is none of them there", arg)
		}
	}
	return nil
}

// methods are those that the line of a route knows; others can stand in the block.
func methods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}
}

// readRouteBlock reads the route's own words and returns the directives that stand between them.
func readRouteBlock(h httpcaddyfile.Helper, route *router.Route) ([]caddyfile.Segment, error) {
	own := routeBlock(route)
	own.words["middleware"] = func(*caddyfile.Dispenser) error { return readRouteMiddleware(h, route) }
	var directives []caddyfile.Segment
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		if _, ok := own.words[h.Val()]; ok {
			if err := own.word(h.Dispenser); err != nil {
				return nil, err
			}
			continue
		}
		if word := misspelt(h.Val()); word != "" {
			return nil, h.Errf("route does not know %q, did you mean %q?", h.Val(), word)
		}
		directives = append(directives, h.NextSegment())
	}
	return directives, nil
}

func routeBlock(route *router.Route) *block {
	return &block{
		owner: "route",
		words: map[string]reader{
			"host":         list(&route.Hosts),
			"path":         list(&route.Paths),
			"method":       list(&route.Methods),
			"match_header": pairs(&route.Headers),
			"match_query":  pairs(&route.Query),
			"priority":     number(&route.Priority),
			"strip_prefix": text(&route.StripPrefix),
			"rewrite":      text(&route.Rewrite),
			"without":      list(&route.Without),
		},
		many: []string{"host", "path", "method", "match_header", "match_query", "without"},
	}
}

// readRouteMiddleware reads the middleware of a route's own.
func readRouteMiddleware(h httpcaddyfile.Helper, route *router.Route) error {
	start := h.Token()
	if h.NextArg() {
		return h.Errf("middleware takes no value, only a block with directives")
	}
	var directives []caddyfile.Segment
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		directives = append(directives, h.NextSegment())
	}
	if len(directives) == 0 {
		return h.Errf("middleware needs a directive, such as tracing")
	}
	var err error
	route.MiddlewareRaw, err = parseDirectives(h, start, directives)
	return err
}

// misspelt returns the word of Loom that a line probably means. Directives of Caddy and of other modules may be near
// one of them, so it looks only at plurals, dashes and words that begin as Loom's do.
func misspelt(word string) string {
	plurals := map[string]string{
		"hosts": "host", "paths": "path", "methods": "method",
		"headers": "match_header", "query": "match_query", "queries": "match_query",
	}
	if right, ok := plurals[word]; ok {
		return right
	}
	return nearestWord(word, "match_header", "match_query", "strip_prefix", "priority", "without", "middleware",
		"loom_wasm", "loom_proxy", "loom_router", "loom_admin")
}

// nearestWord is the one of the words that another one is nearly, but not quite.
func nearestWord(word string, known ...string) string {
	if right := nearest.Word(word, known); right != word {
		return right
	}
	return ""
}

// checkPaths refuses captures that Caddy has replaced: it expands its own short placeholders before directives are read.
func checkPaths(h httpcaddyfile.Helper, paths []string) error {
	for _, path := range paths {
		_, capture, found := strings.Cut(path, "{http.")
		if !found {
			continue
		}
		name, _, _ := strings.Cut(capture, "}")
		return h.Errf("a Caddyfile reads a capture of this name as Caddy's placeholder {http.%s}; give it another name, such as {my_%s}",
			name, name[strings.LastIndexByte(name, '.')+1:])
	}
	return nil
}
