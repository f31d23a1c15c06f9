package proxy

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/internal/upstream"
)

// Handler is http.handlers.loom_proxy: it sends the request to a named upstream of the `loom` app.
type Handler struct {
	// Upstream is the name of the upstream. Required.
	Upstream string `json:"upstream,omitempty"`

	// Timeout bounds the time until the response is complete; after it the client gets 504. Upgrades,
	// event streams and gRPC are exempt once their response has begun. Default: 0, no limit.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	upstream *upstream.Upstream
	shared   *sharedProxy
}
