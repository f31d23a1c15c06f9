package router

import (
	"net/http"

	"github.com/loom-gateway/loom/internal/pathtree"
)

// find looks for the route of a request. The preflight of a cross-origin request is about another request, the one that a
// browser is going to send: so it goes to that one's route, if the route answers preflights and nobody else has asked for
// OPTIONS there. If the route answers none, its middleware is around the refusal: the router's own might allow what it does not.
func (h *Handler) find(request *pathtree.Request, m *pathtree.Match, run *run) pathtree.Result {
	result := h.table.Match(request, m)
	asked := askedMethod(request)
	if asked == "" || result == pathtree.Found && h.routes[m.Route].options {
		return result
	}
	preflighted := *request
	preflighted.Method = asked
	if h.table.Match(&preflighted, m) == pathtree.Found {
		c := h.routes[m.Route]
		if c.preflights {
			return pathtree.Found
		}
		run.middleware = c.middleware
	}
	return h.table.Match(request, m)
}

// askedMethod is the method that a preflight asks for; empty for other requests.
func askedMethod(request *pathtree.Request) string {
	if request.Method != http.MethodOptions || len(request.Header["Origin"]) == 0 {
		return ""
	}
	return request.Header.Get("Access-Control-Request-Method")
}
