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

	// RequestIDVar is the id of the request, a string.
	RequestIDVar = "loom.request_id"

	stateVar = "loom.state"
)

// Vars are the variables of a request, for who needs several of them: each look-up by its context walks the whole chain of
// contexts. Nil outside of Caddy's server.
type Vars map[string]any

// VarsOf finds the variables of a request.
func VarsOf(ctx context.Context) Vars {
	vars, _ := ctx.Value(caddyhttp.VarsCtxKey).(map[string]any)
	return vars
}

// Route is the route of the request; nil outside of loom_router.
func (v Vars) Route() *RouteInfo {
	route, _ := v[RouteVar].(*RouteInfo)
	return route
}

// RequestID is the id of the request; empty without loom_request_id.
func (v Vars) RequestID() string {
	id, _ := v[RequestIDVar].(string)
	return id
}

// State is what the plugins of the request and the proxy behind them share; nil without plugins.
func (v Vars) State() *filterstate.State {
	state, _ := v[stateVar].(*filterstate.State)
	return state
}

// ShareState is State that makes one.
func (v Vars) ShareState() *filterstate.State {
	state := v.State()
	if state == nil {
		state = &filterstate.State{}
		v[stateVar] = state
	}
	return state
}

// PreflightAnswerer is a handler that answers CORS preflights itself and hands none on. A router that has it in the chain of
// a route sends the preflights of that route to it.
type PreflightAnswerer interface {
	AnswersPreflights()
}
