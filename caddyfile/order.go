// Package caddyfile reads Loom's part of a Caddyfile: the global option `loom` and one directive for each handler.
//
// Every word stands for a field of a module's JSON; docs/caddyfile.md shows them with examples. Nothing here reads
// files or knows whether a name is defined: the modules say so when the config is loaded.
package caddyfile

import "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

// All orders are registered here, in one place: each is relative to a standard directive, and calls
// that name the same one depend on their sequence. Plugins see the request after Caddy's own
// changes to it and inside `encode`, so that they read bodies before compression.
func init() {
	httpcaddyfile.RegisterGlobalOption("loom", parseLoom)

	// Middleware, outermost first; Caddy's own tracing is among it.
	httpcaddyfile.RegisterHandlerDirective("loom_recovery", parseRecovery)
	httpcaddyfile.RegisterDirectiveOrder("loom_recovery", httpcaddyfile.Before, "tracing")
	httpcaddyfile.RegisterHandlerDirective("loom_request_id", parseRequestID)
	httpcaddyfile.RegisterDirectiveOrder("loom_request_id", httpcaddyfile.Before, "tracing")
	httpcaddyfile.RegisterHandlerDirective("loom_metrics", parseMetrics)
	httpcaddyfile.RegisterDirectiveOrder("loom_metrics", httpcaddyfile.Before, "tracing")
	httpcaddyfile.RegisterHandlerDirective("loom_tracing", parseTracing)
	httpcaddyfile.RegisterDirectiveOrder("loom_tracing", httpcaddyfile.Before, "tracing")
	httpcaddyfile.RegisterHandlerDirective("loom_access_log", parseAccessLog)
	httpcaddyfile.RegisterDirectiveOrder("loom_access_log", httpcaddyfile.Before, "map")
	httpcaddyfile.RegisterHandlerDirective("loom_cors", parseCORS)
	httpcaddyfile.RegisterDirectiveOrder("loom_cors", httpcaddyfile.Before, "map")
	httpcaddyfile.RegisterHandlerDirective("loom_rate_limit", parseRateLimit)
	httpcaddyfile.RegisterDirectiveOrder("loom_rate_limit", httpcaddyfile.Before, "map")
	httpcaddyfile.RegisterHandlerDirective("loom_websocket", parseWebSocket)
	httpcaddyfile.RegisterDirectiveOrder("loom_websocket", httpcaddyfile.Before, "map")

	httpcaddyfile.RegisterHandlerDirective("loom_wasm", parseWasm)
	httpcaddyfile.RegisterDirectiveOrder("loom_wasm", httpcaddyfile.Before, "invoke")

	httpcaddyfile.RegisterHandlerDirective("loom_router", parseRouter)
	httpcaddyfile.RegisterDirectiveOrder("loom_router", httpcaddyfile.After, "route")

	httpcaddyfile.RegisterHandlerDirective("loom_admin", parseAdmin)
	httpcaddyfile.RegisterDirectiveOrder("loom_admin", httpcaddyfile.Before, "metrics")

	httpcaddyfile.RegisterHandlerDirective("loom_proxy", parseProxy)
	httpcaddyfile.RegisterDirectiveOrder("loom_proxy", httpcaddyfile.Before, "reverse_proxy")
}
