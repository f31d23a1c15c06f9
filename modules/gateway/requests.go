package gateway

import (
	"context"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/filterstate"
)

// The variables of a request by which Loom's handlers tell each other about it.
const (
	// RouteVar is the *RouteInfo of the route.
	RouteVar = "loom.route_info"

	stateVar = "loom.state"
)

// RouteOf is the route of a request; nil outside of loom_router.
func RouteOf(ctx context.Context) *RouteInfo {
	route, _ := caddyhttp.GetVar(ctx, RouteVar).(*RouteInfo)
	return route
}

// StateOf is what the plugins of a request and the proxy behind them share; nil without plugins.
func StateOf(ctx context.Context) *filterstate.State {
	state, _ := caddyhttp.GetVar(ctx, stateVar).(*filterstate.State)
	return state
}

// ShareState is StateOf that makes one.
func ShareState(ctx context.Context) *filterstate.State {
	if state := StateOf(ctx); state != nil {
		return state
	}
	state := &filterstate.State{}
	caddyhttp.SetVar(ctx, stateVar, state)
	return state
}
