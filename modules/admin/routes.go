package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/modules/gateway"
)

// answer writes the answer to a request.
type answer func(w http.ResponseWriter, r *http.Request) error

// methods are the answers of one path. GET includes HEAD.
type methods map[string]answer

func (m methods) of(r *http.Request) answer {
	if r.Method == http.MethodHead {
		return m[http.MethodGet]
	}
	return m[r.Method]
}

// refusal is a problem for a method that the path does not have.
func (m methods) refusal(r *http.Request) *problem {
	allowed := []string{}
	for method := range m {
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	if slices.Contains(allowed, r.Method) {
		return nil
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	return &problem{Status: http.StatusMethodNotAllowed, Detail: "this takes " + allow, allow: allow}
}

// read is a path that only answers with a value, or a problem.
func read[T any](value func(r *http.Request) (T, *problem)) methods {
	return methods{http.MethodGet: valued(value)}
}

func valued[T any](value func(r *http.Request) (T, *problem)) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, p := value(r)
		if p != nil {
			return p.write(w, r)
		}
		return writeJSON(w, r, http.StatusOK, "application/json", v)
	}
}

// find looks up the path as it was sent: it is neither cleaned nor redirected, and what is not spelled as here is not here.
func (h *Handler) find(r *http.Request) (methods, *problem) {
	path := r.URL.EscapedPath()
	if m, ok := h.paths()[path]; ok {
		return m, nil
	}
	if file, ok := pageFiles()[path]; ok {
		return methods{http.MethodGet: file.answer}, nil
	}
	for prefix, byName := range h.named() {
		rest, ok := strings.CutPrefix(path, prefix)
		if !ok || rest == "" || strings.Contains(rest, "/") {
			continue
		}
		if name, err := url.PathUnescape(rest); err == nil {
			return byName(name), nil
		}
	}
	return nil, h.nothing(r)
}

// paths is the table of what can be asked.
func (h *Handler) paths() map[string]methods {
	return map[string]methods{
		"/health":       read(h.health),
		"/ready":        read(h.ready),
		"/info":         read(h.info),
		"/routes":       read(h.listRoutes),
		"/upstreams":    read(h.listUpstreams),
		"/plugins":      read(h.listPlugins),
		"/openapi.json": {http.MethodGet: openapiJSON},
		"/openapi.yaml": {http.MethodGet: openapiYAML},
	}
}

// named is the table of things that have a name; the rest of the path, unescaped, is the name.
func (h *Handler) named() map[string]func(name string) methods {
	return map[string]func(name string) methods{
		"/routes/":    h.route,
		"/upstreams/": h.upstream,
		"/plugins/":   h.plugin,
	}
}

func (h *Handler) nothing(r *http.Request) *problem {
	known := []string{"/", "/health", "/ready", "/info", "/routes", "/upstreams", "/plugins", "/openapi.json", "/openapi.yaml"}
	if h.MetricsPath != "" {
		known = append(known, h.MetricsPath)
	}
	return &problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("nothing at %s: there are %s", r.URL.EscapedPath(), strings.Join(known, ", "))}
}

func (h *Handler) listRoutes(*http.Request) (map[string][]gateway.RouteInfo, *problem) {
	routes := h.app.Routes()
	for i := range routes {
		routes[i].Chain = nil // of one route only
	}
	return map[string][]gateway.RouteInfo{"routes": routes}, nil
}

func (h *Handler) route(name string) methods {
	return read(func(*http.Request) (gateway.RouteInfo, *problem) {
		return pick("route", name, h.app.Routes(), func(i gateway.RouteInfo) string { return i.ID })
	})
}

// pick finds the thing of that name; the problem names the nearest one.
func pick[T any](kind, name string, all []T, nameOf func(T) string) (thing T, _ *problem) {
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
	return thing, &problem{Status: http.StatusNotFound, Detail: detail}
}
