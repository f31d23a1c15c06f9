package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// RouteInfo is what the admin API says about a route.
type RouteInfo struct {
	ID       string   `json:"id"`
	Hosts    []string `json:"hosts,omitempty"`
	Paths    []string `json:"paths,omitempty"`
	Methods  []string `json:"methods,omitempty"`
	Priority int      `json:"priority,omitempty"`
	Upstream string   `json:"upstream,omitempty"`
	Plugins  []string `json:"plugins,omitempty"`

	// Requests counts those of the route; nil when nobody does.
	Requests *RouteRequests `json:"-"`
}

// clone shares nothing with the original.
func (r RouteInfo) clone() RouteInfo {
	r.Hosts, r.Paths = slices.Clone(r.Hosts), slices.Clone(r.Paths)
	r.Methods, r.Plugins = slices.Clone(r.Methods), slices.Clone(r.Plugins)
	return r
}

// routeTable lists the routes of one config. It is for people: requests never come here.
type routeTable struct {
	mu     sync.Mutex
	routes []RouteInfo
	seen   map[string]bool // by all that is said about the route
}

// RegisterRoute adds a route to what Routes lists. Routers call it as they are provisioned; a route that several
// listeners serve is listed once.
func (a *App) RegisterRoute(r RouteInfo) {
	key := fmt.Sprintf("%q", []any{r.ID, r.Hosts, r.Paths, r.Methods, strconv.Itoa(r.Priority), r.Upstream, r.Plugins})
	a.routes.mu.Lock()
	defer a.routes.mu.Unlock()
	if a.routes.seen[key] {
		return
	}
	if a.routes.seen == nil {
		a.routes.seen = make(map[string]bool)
	}
	a.routes.seen[key] = true
	a.routes.routes = append(a.routes.routes, r.clone())
}

// Routes are copies of all registered routes, by id.
func (a *App) Routes() []RouteInfo {
	a.routes.mu.Lock()
	defer a.routes.mu.Unlock()
	routes := make([]RouteInfo, 0, len(a.routes.routes))
	for _, r := range a.routes.routes {
		routes = append(routes, r.clone())
	}
	slices.SortStableFunc(routes, func(a, b RouteInfo) int { return cmp.Compare(a.ID, b.ID) })
	return routes
}

// ids are those of all routes.
func (t *routeTable) ids() map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := make(map[string]bool, len(t.routes))
	for i := range t.routes {
		ids[t.routes[i].ID] = true
	}
	return ids
}
