// Package loom is an API gateway shipped as Caddy modules: Caddy listens, Loom routes, runs Proxy-Wasm plugins and
// keeps named upstreams. Importing this package gives a Caddy all of it, so that
// `xcaddy build --with github.com/loom-gateway/loom` is enough.
//
// A package imports only floors below it; arch_test.go keeps it so:
//
//	4  cmd/loom                       main
//	3  loom.go                        what you are reading: imports only
//	   cmd                            what the command line needs beside Caddy's
//	   caddyfile, loomadapter         two ways to write the modules' JSON
//	2  modules/gateway                the `loom` app: plugins and upstreams of one config
//	   modules/router, wasmfilter, proxy, admin    handlers, which know the app and not each other
//	   modules/middleware/*           what requests run through before the handlers of their route
//	   modules/selection, breaker     balancing and breaker for those who keep reverse_proxy
//	   modules/listener               one socket and its connections over reloads
//	1  internal/plugin, httpfilter    from a .wasm file to running instances, and one HTTP exchange through them
//	   internal/proxywasm             the Proxy-Wasm host on wazero
//	   internal/pathtree, cleanpath, upstream, balance, circuit, health, ratelimit, handover, callout, guestmetrics, shared, nearest    pieces
//	0  internal/proxywasm/abi         numbers and bytes of the ABI
package loom

import (
	// What Caddy registers when it is imported.
	_ "github.com/loom-gateway/loom/caddyfile"
	_ "github.com/loom-gateway/loom/cmd"
	_ "github.com/loom-gateway/loom/loomadapter"
	_ "github.com/loom-gateway/loom/modules/admin"
	_ "github.com/loom-gateway/loom/modules/breaker"
	_ "github.com/loom-gateway/loom/modules/gateway"
	_ "github.com/loom-gateway/loom/modules/listener"
	_ "github.com/loom-gateway/loom/modules/middleware/accesslog"
	_ "github.com/loom-gateway/loom/modules/middleware/cors"
	_ "github.com/loom-gateway/loom/modules/middleware/metrics"
	_ "github.com/loom-gateway/loom/modules/middleware/ratelimit"
	_ "github.com/loom-gateway/loom/modules/middleware/recovery"
	_ "github.com/loom-gateway/loom/modules/middleware/requestid"
	_ "github.com/loom-gateway/loom/modules/middleware/tracing"
	_ "github.com/loom-gateway/loom/modules/middleware/websocket"
	_ "github.com/loom-gateway/loom/modules/proxy"
	_ "github.com/loom-gateway/loom/modules/router"
	_ "github.com/loom-gateway/loom/modules/selection"
	_ "github.com/loom-gateway/loom/modules/wasmfilter"
)
