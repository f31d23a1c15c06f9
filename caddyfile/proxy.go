package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/proxy"
)

// parseProxy reads the directive that sends requests to an upstream of the global option.
//
//	loom_proxy [<matcher>] <upstream> {
//		timeout             <duration>
//		stream_idle_timeout <duration>
//		retries             off
//		retries { … }       # as in an upstream
//	}
func parseProxy(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	args := h.RemainingArgs()
	if len(args) != 1 {
		return nil, h.Errf("loom_proxy takes the name of one upstream")
	}
	handler := &proxy.Handler{Upstream: args[0]}
	b := block{owner: "loom_proxy", words: map[string]reader{
		"timeout":             duration(&handler.Timeout),
		"stream_idle_timeout": duration(&handler.StreamIdleTimeout),
		"retries":             readRetries(&handler.Retries),
	}}
	if err := b.read(h.Dispenser); err != nil {
		return nil, err
	}
	return handler, nil
}
