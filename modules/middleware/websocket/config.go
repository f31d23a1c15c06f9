package websocket

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/internal/origins"
)

// Handler is http.handlers.loom_websocket: who may open WebSockets, and what they may do. It sees those over HTTP/1.1 and those
// over HTTP/2 and HTTP/3 (extended CONNECT). Without it all WebSockets pass, without limits.
type Handler struct {
	// Deny refuses all WebSockets with 403. Default: false.
	Deny bool `json:"deny,omitempty"`

	// Origins whose pages may open WebSockets, as in loom_cors, or `self` for pages of the same host. Others get 403; CORS does
	// not keep them away. Clients that send no Origin are no browsers, and may. Default: all.
	Origins []string `json:"origins,omitempty"`

	// IdleTimeout closes a connection (1001) over which nothing was sent for so long in either direction, pings included.
	// Default: 0, never.
	IdleTimeout caddy.Duration `json:"idle_timeout,omitempty"`

	// MaxMessage closes a connection (1009) whose client sends a message of more bytes; counted as sent, so that compressed
	// messages may be longer. Default: 0, no limit.
	MaxMessage int64 `json:"max_message,omitempty"`

	self    bool
	allowed *origins.Set // nil without Origins but self
}
