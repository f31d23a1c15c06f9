package router

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/pathtree"
)

// run is one request on its way through the middleware and the handlers of its route. It is never used again: a handler may call
// next when it has returned, as caches do that renew what they have answered with, and must not come out at another request then.
type run struct {
	middleware *middleware
	route      *compiled // nil when no route takes the request
	end        caddyhttp.Handler
	target     target
	steps      []step
}

// step is the rest of a run from one of its handlers on.
type step struct {
	run *run
	at  int
}

// begin is the first step. The links of a run are made in one piece.
func (run *run) begin() *step {
	handlers := len(run.middleware.handlers)
	if run.route != nil {
		handlers += len(run.route.handlers)
	}
	run.steps = make([]step, handlers+1)
	for i := range run.steps {
		run.steps[i] = step{run, i}
	}
	return &run.steps[0]
}

// take makes a route the one of the request, and known to who comes after.
func (run *run) take(c *compiled, r *http.Request, m *pathtree.Match) {
	run.middleware, run.route, run.target = c.middleware, c, c.rewrite.target(m)
	c.publish(r, m)
}

// ServeHTTP implements caddyhttp.Handler.
func (s *step) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	run, i := s.run, s.at
	if i < len(run.middleware.handlers) {
		return run.middleware.handlers[i].ServeHTTP(w, r, &run.steps[i+1])
	}
	if run.route == nil {
		return run.end.ServeHTTP(w, r)
	}
	if i -= len(run.middleware.handlers); i == 0 {
		if err := run.route.rewrite.apply(r, &run.target); err != nil {
			return caddyhttp.Error(http.StatusBadRequest, err)
		}
	}
	if i < len(run.route.handlers) {
		return run.route.handlers[i].ServeHTTP(w, r, &run.steps[s.at+1])
	}
	return run.end.ServeHTTP(w, r)
}

// refusal ends the run of a request that the router answers itself.
type refusal struct{ err error }

// ServeHTTP implements caddyhttp.Handler.
func (f refusal) ServeHTTP(http.ResponseWriter, *http.Request) error { return f.err }
