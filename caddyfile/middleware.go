package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/middleware/accesslog"
	"github.com/loom-gateway/loom/modules/middleware/cors"
	"github.com/loom-gateway/loom/modules/middleware/metrics"
	"github.com/loom-gateway/loom/modules/middleware/recovery"
	"github.com/loom-gateway/loom/modules/middleware/requestid"
	"github.com/loom-gateway/loom/modules/middleware/tracing"
	"github.com/loom-gateway/loom/modules/middleware/websocket"
)

// parseRecovery reads the directive that makes panics cost one request.
//
//	loom_recovery
func parseRecovery(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	return &recovery.Handler{}, alone(h)
}

// parseMetrics reads the directive that counts the requests of a router.
//
//	loom_metrics
func parseMetrics(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	return &metrics.Handler{}, alone(h)
}

// parseAccessLog reads the directive that has the access log say which way a request went.
//
//	loom_access_log
func parseAccessLog(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	return &accesslog.Handler{}, alone(h)
}

// parseRequestID reads the directive that gives each request an id, in X-Request-Id or another field.
//
//	loom_request_id [<header>]
func parseRequestID(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	handler := &requestid.Handler{}
	if h.NextArg() {
		handler.Header = h.Val()
	}
	if h.NextArg() {
		return nil, h.Errf("loom_request_id takes the name of one header")
	}
	return handler, noBlock(h.Dispenser, "loom_request_id")
}

// parseTracing reads the directive for OpenTelemetry's spans of requests.
//
//	loom_tracing {
//		span      <text>
//		attribute <name> <text>
//	}
func parseTracing(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	if h.NextArg() {
		return nil, h.Errf("loom_tracing takes no value, only a block")
	}
	handler := &tracing.Handler{}
	b := block{
		owner: "loom_tracing",
		words: map[string]reader{"span": text(&handler.Span), "attribute": pairs(&handler.Attributes)},
		many:  []string{"attribute"},
	}
	return handler, b.read(h.Dispenser)
}

// parseCORS reads the directive for cross-origin requests of browsers. All origins are `origins *`: behind loom_cors a star would be
// a matcher.
//
//	loom_cors [<matcher>] [<origin>...] {
//		origins     <origin>...
//		methods     <method>...
//		headers     <name>...
//		expose      <name>...
//		credentials
//		max_age     <duration>
//		private_network
//	}
func parseCORS(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	handler := &cors.Handler{Origins: h.RemainingArgs()}
	b := block{
		owner: "loom_cors",
		words: map[string]reader{
			"origins": list(&handler.Origins), "methods": list(&handler.Methods), "headers": list(&handler.Headers), "expose": list(&handler.Expose),
			"credentials": onOff(&handler.Credentials), "max_age": duration(&handler.MaxAge), "private_network": onOff(&handler.PrivateNetwork),
		},
		many: []string{"origins", "methods", "headers", "expose"},
	}
	if err := b.read(h.Dispenser); err != nil {
		return nil, err
	}
	if err := handler.Check(); err != nil {
		return nil, h.Errf("%v", err)
	}
	return handler, nil
}

// parseWebSocket reads the directive for WebSockets: those that pass, or with deny none.
//
//	loom_websocket [<matcher>] [deny] {
//		origins      self|<origin>...
//		idle_timeout <duration>
//		max_message  <size>
//	}
func parseWebSocket(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	handler := &websocket.Handler{}
	if h.NextArg() {
		if handler.Deny = h.Val() == "deny"; !handler.Deny || h.NextArg() {
			return nil, h.Errf("loom_websocket takes a block, or deny")
		}
	}
	b := block{
		owner: "loom_websocket",
		words: map[string]reader{
			"origins": list(&handler.Origins), "idle_timeout": duration(&handler.IdleTimeout), "max_message": size(&handler.MaxMessage),
		},
		many: []string{"origins"},
	}
	if err := b.read(h.Dispenser); err != nil {
		return nil, err
	}
	if err := handler.Check(); err != nil {
		return nil, h.Errf("%v", err)
	}
	return handler, nil
}

// alone reads a directive without values.
func alone(h httpcaddyfile.Helper) error {
	h.Next()
	word := h.Val()
	if h.NextArg() {
		return h.Errf("%s takes no value", word)
	}
	return noBlock(h.Dispenser, word)
}
