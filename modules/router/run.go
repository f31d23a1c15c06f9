package router

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/pathtree"
)

// run is one request on its way through the middleware and the handlers of its route. Runs are used again: their links, and
// the captures of a match, would be garbage of every request otherwise. A handler calls next before it returns, if ever.
type run struct {
	middleware *middleware
	route      *compiled // nil when no route takes the request
	end        caddyhttp.Handler
	match      pathtree.Match
	steps      []step
}

// step is the rest of a run from one of its handlers on.
type step struct {
	run *run
	at  int
}

// newRun makes a run for chains of up to that many handlers.
func newRun(longest int) *run {
	r := &run{steps: make([]step, longest+1)}
	for i := range r.steps {
		r.steps[i] = step{r, i}
	}
	return r
}

func (run *run) clear() { run.middleware, run.route, run.end = nil, nil, nil }

// take makes a route the one of the request, and known to who comes after.
func (run *run) take(c *compiled, r *http.Request) {
	run.middleware, run.route = c.middleware, c
	c.publish(r, &run.match)
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
		if err := run.route.rewritePath(r, &run.match); err != nil {
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
