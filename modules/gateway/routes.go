package gateway

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync"
)

// RouteInfo is what the admin API says about a route.
type RouteInfo struct {
	ID      string   `json:"id"`
	Hosts   []string `json:"hosts,omitempty"`
	Paths   []string `json:"paths,omitempty"`
	Methods []string `json:"methods,omitempty"`
	// Headers and Query are the names of those that a request must have; the values may be secrets.
	Headers     []string `json:"headers,omitempty"`
	Query       []string `json:"query,omitempty"`
	Priority    int      `json:"priority,omitempty"`
	StripPrefix string   `json:"strip_prefix,omitempty"`
	Rewrite     string   `json:"rewrite,omitempty"`
	// Upstream, TimeoutSeconds and Plugins are those of the handlers; the plugins in the order in which they run.
	Upstream       string   `json:"upstream,omitempty"`
	TimeoutSeconds float64  `json:"timeout_seconds,omitempty"`
	Plugins        []string `json:"plugins,omitempty"`
	// Chain is what a request runs through, first to last.
	Chain []HandlerInfo `json:"chain,omitempty"`

	// Requests counts those of the route; nil when nobody does.
	Requests *RouteRequests `json:"-"`
}

// HandlerInfo is one handler of a route.
type HandlerInfo struct {
	// Handler is the name of the module, without `http.handlers.`.
	Handler string `json:"handler"`
	// Middleware: it comes before the route's own handlers.
	Middleware bool `json:"middleware,omitempty"`
	// Plugins of loom_wasm, in the order in which they see a request.
	Plugins []RoutePlugin `json:"plugins,omitempty"`
	// Upstream and TimeoutSeconds of loom_proxy.
	Upstream       string  `json:"upstream,omitempty"`
	TimeoutSeconds float64 `json:"timeout_seconds,omitempty"`
}

// clone shares nothing with the original.
func (r RouteInfo) clone() RouteInfo {
	r.Hosts, r.Paths, r.Methods = slices.Clone(r.Hosts), slices.Clone(r.Paths), slices.Clone(r.Methods)
	r.Headers, r.Query, r.Plugins = slices.Clone(r.Headers), slices.Clone(r.Query), slices.Clone(r.Plugins)
	r.Chain = slices.Clone(r.Chain)
	for i := range r.Chain {
		r.Chain[i].Plugins = slices.Clone(r.Chain[i].Plugins)
	}
	return r
}

// summarize draws from the chain what stands above it.
func (a *App) summarize(r *RouteInfo) {
	for i := range r.Chain {
		h := &r.Chain[i]
		a.orderPlugins(h.Plugins)
		for _, p := range h.Plugins {
			r.Plugins = append(r.Plugins, p.Name)
		}
		if h.Upstream != "" {
			r.Upstream, r.TimeoutSeconds = h.Upstream, h.TimeoutSeconds
		}
	}
}

// routeTable lists the routes of one config. It is for people: requests never come here.
type routeTable struct {
	mu       sync.Mutex
	routes   []*RouteInfo
	seen     map[[sha256.Size]byte]bool // by all that is said about the route
	byPlugin map[string][]string        // ids of routes
}

// RegisterRoute adds a route to what Routes lists, and draws from its chain what stands above it. Routers call it as they are
// provisioned, and change nothing of the route afterwards; one that several listeners serve is listed once.
func (a *App) RegisterRoute(r *RouteInfo) {
	a.summarize(r)
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // texts and numbers
	}
	key := sha256.Sum256(text)
	a.routes.mu.Lock()
	defer a.routes.mu.Unlock()
	if a.routes.seen[key] {
		return
	}
	if a.routes.seen == nil {
		a.routes.seen, a.routes.byPlugin = map[[sha256.Size]byte]bool{}, map[string][]string{}
	}
	a.routes.seen[key] = true
	a.routes.routes = append(a.routes.routes, r)
	for _, name := range slices.Compact(slices.Sorted(slices.Values(r.Plugins))) {
		a.routes.byPlugin[name] = append(a.routes.byPlugin[name], r.ID)
	}
}

// forget is the end of the config: a request that lasts longer keeps all of it, and nobody asks for its routes any more.
func (t *routeTable) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.routes, t.seen, t.byPlugin = nil, nil, nil
}

// with lists the routes that have a plugin.
func (t *routeTable) with(plugin string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := slices.Sorted(slices.Values(t.byPlugin[plugin]))
	if ids == nil {
		return []string{}
	}
	return slices.Compact(ids)
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
