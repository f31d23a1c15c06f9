package router

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/nearest"
)

// middleware is what requests run through before the handlers of their route.
type middleware struct {
	names    []string
	handlers []caddyhttp.MiddlewareHandler
}

// MiddlewareOrder is where a route's own middleware stands among the router's, outermost first. CORS is before the rate limit so
// that preflights cost no token, and refusals can be read by the scripts that they are for.
func MiddlewareOrder() []string {
	return []string{
		"loom_recovery", "loom_request_id", "loom_metrics", "loom_tracing", "tracing", "loom_access_log", "loom_cors", "loom_rate_limit", "loom_websocket",
	}
}

// middlewareSets are the distinct sets of a router, by what is left out of its own.
type middlewareSets map[string]*middleware

// load loads the router's own set.
func (sets middlewareSets) load(ctx caddy.Context, h *Handler) (*middleware, error) {
	m, err := loadMiddleware(ctx, h, h.MiddlewareRaw)
	sets[""] = m
	return m, err
}

// of is the set of a route.
func (sets middlewareSets) of(ctx caddy.Context, r *Route) (*middleware, error) {
	set, err := sets.without(r.Without)
	if err != nil || len(r.MiddlewareRaw) == 0 {
		return set, err
	}
	own, err := loadMiddleware(ctx, r, r.MiddlewareRaw)
	if err != nil {
		return nil, err
	}
	set = &middleware{slices.Clone(set.names), slices.Clone(set.handlers)}
	for i, name := range own.names {
		set.put(name, own.handlers[i])
	}
	return set, nil
}

func (sets middlewareSets) without(names []string) (*middleware, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	key := strings.Join(names, " ")
	if set := sets[key]; set != nil {
		return set, nil
	}
	all, set := sets[""], &middleware{}
	for _, name := range names {
		if !slices.Contains(all.names, name) {
			return nil, fmt.Errorf("without: %w", all.unknown(name))
		}
	}
	for i, name := range all.names {
		if !slices.Contains(names, name) {
			set.names, set.handlers = append(set.names, name), append(set.handlers, all.handlers[i])
		}
	}
	sets[key] = set
	return set, nil
}

func (m *middleware) unknown(name string) error {
	if meant := nearest.Word(name, m.names); meant != "" {
		return fmt.Errorf("the router has no middleware %q: did you mean %q?", name, meant)
	}
	return fmt.Errorf("the router has no middleware %q: it has %q", name, m.names)
}

// put adds a handler: in place of those of its name, or in front of what comes after it in Loom's order.
func (m *middleware) put(name string, handler caddyhttp.MiddlewareHandler) {
	at := slices.Index(m.names, name)
	if at < 0 {
		at = m.place(name)
	}
	for i := len(m.names) - 1; i >= 0; i-- {
		if m.names[i] == name {
			m.names, m.handlers = slices.Delete(m.names, i, i+1), slices.Delete(m.handlers, i, i+1)
		}
	}
	m.names, m.handlers = slices.Insert(m.names, at, name), slices.Insert(m.handlers, at, handler)
}

func (m *middleware) place(name string) int {
	order := MiddlewareOrder()
	if rank := slices.Index(order, name); rank >= 0 {
		after := slices.IndexFunc(m.names, func(other string) bool { return slices.Index(order, other) > rank })
		if after >= 0 {
			return after
		}
	}
	return len(m.names)
}

// loadMiddleware loads the field MiddlewareRaw of a router or a route.
func loadMiddleware(ctx caddy.Context, of any, raw []json.RawMessage) (*middleware, error) {
	m := &middleware{}
	for _, text := range raw { // before they are loaded, which empties them
		var module struct {
			Handler string `json:"handler"`
		}
		if err := json.Unmarshal(text, &module); err != nil {
			return nil, fmt.Errorf("reading middleware: %w", err)
		}
		m.names = append(m.names, module.Handler)
	}
	loaded, err := ctx.LoadModule(of, "MiddlewareRaw")
	if err != nil {
		return nil, fmt.Errorf("loading middleware: %w", err)
	}
	list, _ := loaded.([]any)
	for _, handler := range list {
		m.handlers = append(m.handlers, handler.(caddyhttp.MiddlewareHandler))
	}
	return m, nil
}

// has reports whether one of the handlers is of a kind.
func has[T any](handlers []caddyhttp.MiddlewareHandler) bool {
	return slices.ContainsFunc(handlers, func(h caddyhttp.MiddlewareHandler) bool {
		_, ok := h.(T)
		return ok
	})
}
