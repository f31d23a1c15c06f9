package loomadapter

import "go.yaml.in/yaml/v3"

// Route is a rule that sends requests to an upstream, or answers them.
type Route struct {
	Pos         Pos               `yaml:"-"`
	ID          string            `yaml:"id" doc:"Name of the route in logs, metrics and the admin API; unique. Default: route-N."`
	Path        string            `yaml:"path" doc:"Path that matches: exact, with {captures}, or with a trailing *. Default: every path."`
	Paths       StringList        `yaml:"paths" doc:"Several paths, instead of path."`
	Hosts       StringList        `yaml:"hosts" doc:"Hosts that match: names or *.example.com. Default: every host."`
	Methods     StringList        `yaml:"methods" doc:"Methods that match; GET includes HEAD. Default: every method."`
	Headers     map[string]string `yaml:"headers" doc:"Headers that a request must have: an exact value, * (present), ! (absent), text* or *text."`
	Query       map[string]string `yaml:"query" doc:"Query parameters that a request must have, written as headers are."`
	Priority    int               `yaml:"priority" doc:"Decides between routes with the same host and path; higher wins. Default: 0."`
	Plugins     []PluginRef       `yaml:"plugins" doc:"Plugins that see the requests: names, or {name, config} with a configuration for this route."`
	Upstream    string            `yaml:"upstream" doc:"Name of the upstream. A route has an upstream, a redirect or a respond."`
	Redirect    *Redirect         `yaml:"redirect" doc:"Answers with a redirect: an address, or {to, status}."`
	Respond     *Respond          `yaml:"respond" doc:"Answers by itself: a text, or {status, body, headers}."`
	StripPrefix string            `yaml:"strip_prefix" doc:"Removed from the front of the path before plugins and upstream see it."`
	Rewrite     string            `yaml:"rewrite" doc:"Replaces the path; {name} inserts a capture, {*} what a trailing * matched."`
	Timeout     Duration          `yaml:"timeout" doc:"Longest time until the response is complete; then 504. Default: no limit."`
	Recovery    *Recovery         `yaml:"recovery" doc:"Otherwise than gateway-wide."`
	RequestID   *RequestID        `yaml:"request_id" doc:"Otherwise than gateway-wide."`
	Tracing     *Tracing          `yaml:"tracing" doc:"Otherwise than gateway-wide."`
	WebSocket   *WebSocket        `yaml:"websocket" doc:"Otherwise than gateway-wide; false refuses WebSockets with 403."`
	CORS        *CORS             `yaml:"cors" doc:"Otherwise than gateway-wide."`
	RateLimit   *RateLimit        `yaml:"rate_limit" doc:"Rate limit of the route, in place of the gateway's; false is none."`

	Retries           *Retries `yaml:"retries" doc:"Otherwise than the upstream says; false for none (docs/upstreams.md#retries)."`
	StreamIdleTimeout Duration `yaml:"stream_idle_timeout" doc:"Ends an upgraded connection, an event stream or a gRPC stream on which nothing moves for so long. Default: 1h."`
}

// PluginRef is a plugin of a route.
type PluginRef struct {
	Pos    Pos        `yaml:"-"`
	Name   string     `yaml:"name" doc:"Name of a plugin of the document, or of a bundled one. Required."`
	Config *yaml.Node `yaml:"config" doc:"Plugin configuration for this route: a text as it is, a mapping as compact JSON. Default: the plugin's own."`
}

// Redirect is an answer that sends the client elsewhere.
type Redirect struct {
	Pos    Pos    `yaml:"-"`
	To     string `yaml:"to" doc:"Where to; Caddy's placeholders such as {http.request.uri} work. Required."`
	Status int    `yaml:"status" doc:"301, 302, 303, 307 or 308. Default: 302."`
}

// Respond is an answer of the gateway's own.
type Respond struct {
	Pos     Pos               `yaml:"-"`
	Status  int               `yaml:"status" doc:"Status, 200 to 599. Default: 200."`
	Body    string            `yaml:"body" doc:"Body; Caddy's placeholders work."`
	Headers map[string]string `yaml:"headers" doc:"Headers."`
}
