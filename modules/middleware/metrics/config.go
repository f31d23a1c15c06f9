package metrics

import "github.com/loom-gateway/loom/modules/gateway"

// Handler is http.handlers.loom_metrics: it counts requests by method, route and status, and how long they took. Its place is
// among the middleware of a loom_router. It has no options.
type Handler struct {
	unrouted *gateway.RouteRequests
}
