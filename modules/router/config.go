package router

import "encoding/json"

// Handler is http.handlers.loom_router: one radix tree for all routes, which dispatches to ordinary
// Caddy handlers that were chained once, at provision.
type Handler struct {
	// Routes are the routes, in any order: precedence follows from host, path, priority and
	// predicates, not from the position (docs/routing.md). Position breaks the last tie.
	Routes []*Route `json:"routes,omitempty"`

	// MiddlewareRaw are handlers that every request of the router runs through, first to last, between the choice of its route
	// and the route's own handlers; also those that the router answers itself, with 400, 404 or 405. They see the path that
	// the client sent, in its clean spelling; a route's rewrite comes after them. Default: none.
	MiddlewareRaw []json.RawMessage `json:"middleware,omitempty" caddy:"namespace=http.handlers inline_key=handler"`

	// Paths says what becomes of ambiguous request paths. Default: see each field.
	Paths *PathPolicy `json:"paths,omitempty"`

	state
}

// Route sends the requests that match to its handlers.
type Route struct {
	// ID names the route in logs, metrics and the admin API. It must be unique in its router.
	// Default: `route-N`, N counting from 1 in the order of the config.
	ID string `json:"id,omitempty"`

	// Hosts that match: exact names or `*.example.com` (any one or more labels). Case, port and a
	// trailing dot of the request do not matter. Default: every host.
	Hosts []string `json:"hosts,omitempty"`

	// Paths that match: exact (`/users`), with captures (`/users/{id}`), or with a trailing `*` that stands
	// for the rest (`/files/*`, which also matches `/files`; `/v1*` any path that starts so). Default: every path.
	Paths []string `json:"paths,omitempty"`

	// Methods that match. GET includes HEAD unless a route with the same pattern names HEAD. Default: every method.
	Methods []string `json:"methods,omitempty"`

	// Headers that a request must have, name to value: an exact value, `*` (present), `!` (absent),
	// or a value with a leading or trailing `*`. All must match. Default: none.
	Headers map[string]string `json:"headers,omitempty"`

	// Query says which parameters a request must have, written as headers are. Default: none.
	Query map[string]string `json:"query,omitempty"`

	// Priority decides between routes that match the same host and path; higher wins. Default: 0.
	Priority int `json:"priority,omitempty"`

	// StripPrefix is removed from the front of the path before the handlers see it. Default: none.
	StripPrefix string `json:"strip_prefix,omitempty"`

	// Rewrite replaces the path before the handlers see it. `{name}` inserts a capture, `{*}` the rest
	// that a trailing `*` matched. A query written here replaces the request's. Default: none.
	Rewrite string `json:"rewrite,omitempty"`

	// Without names middleware of the router that requests of this route do not run through, such as `loom_cors`. Default: none.
	Without []string `json:"without,omitempty"`

	// MiddlewareRaw is middleware of the route's own. A handler takes the place of the router's of the same name. One that the
	// router has none of stands where Loom's order has it (docs/middleware.md), or last. Default: none.
	MiddlewareRaw []json.RawMessage `json:"middleware,omitempty" caddy:"namespace=http.handlers inline_key=handler"`

	// HandlersRaw are the handlers of the route, first to last.
	HandlersRaw []json.RawMessage `json:"handle,omitempty" caddy:"namespace=http.handlers inline_key=handler"`
}

// PathPolicy decides about paths that backends are known to read differently. Dot segments (also as
// `%2e`) and doubled slashes are always resolved, and handlers see the resolved path.
type PathPolicy struct {
	// EncodedSlashes is what becomes of `%2F`: `reject` (400) or `keep` (as part of its segment). Default: `reject`.
	EncodedSlashes string `json:"encoded_slashes,omitempty"`

	// Semicolons is what becomes of path parameters such as `/a;x=1/b`: `reject` (400), `strip` or `keep`. Default: `reject`.
	Semicolons string `json:"semicolons,omitempty"`
}
