package admin

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/upstream"
	"github.com/loom-gateway/loom/modules/gateway"
)

// routes is the table of what can be asked. A function returns what is answered as JSON, or a problem.
func (h *Handler) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for path, answer := range map[string]func(r *http.Request) (any, *problem){
		"/health":           h.health,
		"/ready":            h.ready,
		"/info":             h.info,
		"/routes":           h.listRoutes,
		"/routes/{id}":      h.route,
		"/upstreams":        h.listUpstreams,
		"/upstreams/{name}": h.upstream,
		"/plugins":          h.listPlugins,
		"/plugins/{name}":   h.plugin,
		"/":                 h.nothing,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			value, p := answer(r)
			if p != nil {
				_ = p.write(w, r) // the client is gone
				return
			}
			_ = writeJSON(w, r, http.StatusOK, "application/json", value)
		})
	}
	return mux
}

// health answers as long as the process serves.
func (h *Handler) health(*http.Request) (any, *problem) {
	return map[string]string{"status": "ok"}, nil
}

// ready answers 503 before the app has started and once Caddy's shutdown_delay has begun.
func (h *Handler) ready(r *http.Request) (any, *problem) {
	if !h.app.Started() {
		return nil, &problem{Status: http.StatusServiceUnavailable, Detail: "the gateway is starting"}
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		if down, _ := repl.Get("http.shutting_down"); down == true {
			return nil, &problem{Status: http.StatusServiceUnavailable, Detail: "the gateway is shutting down"}
		}
	}
	return map[string]string{"status": "ready"}, nil
}

func (h *Handler) listRoutes(*http.Request) (any, *problem) {
	return map[string][]gateway.RouteInfo{"routes": h.app.Routes()}, nil
}

func (h *Handler) route(r *http.Request) (any, *problem) {
	return find("route", r.PathValue("id"), h.app.Routes(), func(i gateway.RouteInfo) string { return i.ID })
}

func (h *Handler) listUpstreams(*http.Request) (any, *problem) {
	return map[string][]upstream.Snapshot{"upstreams": h.app.UpstreamSnapshots()}, nil
}

func (h *Handler) upstream(r *http.Request) (any, *problem) {
	return find("upstream", r.PathValue("name"), h.app.UpstreamSnapshots(), func(s upstream.Snapshot) string { return s.Name })
}

func (h *Handler) listPlugins(*http.Request) (any, *problem) {
	return map[string][]plugin.Snapshot{"plugins": h.app.PluginSnapshots()}, nil
}

func (h *Handler) plugin(r *http.Request) (any, *problem) {
	return find("plugin", r.PathValue("name"), h.app.PluginSnapshots(), func(s plugin.Snapshot) string { return s.Name })
}

func (h *Handler) nothing(r *http.Request) (any, *problem) {
	return nil, &problem{
		Status: http.StatusNotFound,
		Detail: fmt.Sprintf("nothing at %s: there are /health, /ready, /info, /routes, /upstreams and /plugins", r.URL.Path),
	}
}

// find picks the thing of that name; the problem names the nearest one.
func find[T any](kind, name string, all []T, nameOf func(T) string) (any, *problem) {
	names := make([]string, 0, len(all))
	for _, thing := range all {
		if nameOf(thing) == name {
			return thing, nil
		}
		names = append(names, nameOf(thing))
	}
	detail := fmt.Sprintf("no %s %q", kind, name)
	if meant := nearest.Word(name, names); meant != "" {
		detail += fmt.Sprintf(": did you mean %q?", meant)
	}
	return nil, &problem{Status: http.StatusNotFound, Detail: detail}
}
