package caddyfile

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// parseDirectives reads handler directives as Caddy's `handle` does. start is the word in front of their block.
func parseDirectives(h httpcaddyfile.Helper, start caddyfile.Token, directives []caddyfile.Segment) ([]json.RawMessage, error) {
	open, end := start, h.Token()
	open.Text, end.Text = "{", "}"
	tokens := slices.Concat([]caddyfile.Token{start, open}, slices.Concat(directives...), []caddyfile.Token{end})
	parsed, err := httpcaddyfile.ParseSegmentAsSubroute(h.WithDispenser(caddyfile.NewDispenser(tokens)))
	if err != nil {
		return nil, err
	}
	sub, ok := parsed.(*caddyhttp.Subroute)
	if !ok {
		return nil, fmt.Errorf("reading directives of a route: Caddy made a %T of them", parsed)
	}
	return flatten(sub), nil
}

// flatten lifts handlers out of a subroute, which compiles its routes anew for each request. Routes
// with a matcher or a group in the middle need one; those before and after them do not.
func flatten(sub *caddyhttp.Subroute) []json.RawMessage {
	plain := func(r caddyhttp.Route) bool { return len(r.MatcherSetsRaw) == 0 && r.Group == "" && !r.Terminal }
	notPlain := func(r caddyhttp.Route) bool { return !plain(r) }
	routes := sub.Routes
	first := slices.IndexFunc(routes, notPlain)
	if first < 0 {
		return handlersOf(routes)
	}
	last := len(routes)
	for plain(routes[last-1]) {
		last--
	}
	middle := &caddyhttp.Subroute{Routes: routes[first:last]}
	handlers := handlersOf(routes[:first])
	handlers = append(handlers, caddyconfig.JSONModuleObject(middle, "handler", "subroute", nil))
	return append(handlers, handlersOf(routes[last:])...)
}

func handlersOf(routes caddyhttp.RouteList) []json.RawMessage {
	var handlers []json.RawMessage
	for _, route := range routes {
		handlers = append(handlers, route.HandlersRaw...)
	}
	return handlers
}
