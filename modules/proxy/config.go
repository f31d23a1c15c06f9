package proxy

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/internal/retry"
	"github.com/loom-gateway/loom/internal/upstream"
	"github.com/loom-gateway/loom/modules/gateway"
)

// Handler is http.handlers.loom_proxy: it sends the request to a named upstream of the `loom` app.
type Handler struct {
	// Upstream is the name of the upstream. Required.
	Upstream string `json:"upstream,omitempty"`

	// Timeout bounds the time until the response is complete; after it the client gets 504. Upgrades,
	// event streams and gRPC are exempt once their response has begun. Default: 0, no limit.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// StreamIdleTimeout ends an upgraded connection, an event stream or a gRPC stream on which nothing has moved for so long,
	// in neither direction, once its response has begun. Default: 1h.
	StreamIdleTimeout caddy.Duration `json:"stream_idle_timeout,omitempty"`

	// Retries sends requests that failed again, in place of what the upstream says. Default: what the upstream says.
	Retries *gateway.Retries `json:"retries,omitempty"`

	upstream *upstream.Upstream
	shared   *sharedProxy
	policy   *retry.Policy // nil: no retries
}
