package tracing

import "github.com/caddyserver/caddy/v2/modules/caddyhttp/tracing"

// Handler is http.handlers.loom_tracing: a span for each request by Caddy's handler `tracing`, with what that one does not see: the
// route, the request id, and the status of an error that is answered further out. Where spans are sent, and how many are sampled, the
// OTEL_* variables of the environment say.
type Handler struct {
	// Span is the name of the spans; placeholders work. Default: `{http.request.method} {loom.route.id}`.
	Span string `json:"span,omitempty"`

	// Attributes are more attributes of the spans; placeholders work. Default: none.
	Attributes map[string]string `json:"attributes,omitempty"`

	spans *tracing.Tracing
}
