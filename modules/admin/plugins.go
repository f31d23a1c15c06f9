package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/loom-gateway/loom/modules/gateway"
)

func (h *Handler) listPlugins(*http.Request) (map[string][]gateway.PluginInfo, *problem) {
	return map[string][]gateway.PluginInfo{"plugins": h.app.PluginSnapshots()}, nil
}

func (h *Handler) plugin(name string) methods {
	find := func(*http.Request) (gateway.PluginInfo, *problem) {
		return pick("plugin", name, h.app.PluginSnapshots(), func(i gateway.PluginInfo) string { return i.Name })
	}
	m := read(find)
	m[http.MethodDelete] = valued(func(r *http.Request) (disabled, *problem) {
		if _, p := find(r); p != nil {
			return disabled{}, p
		}
		return h.disable(name, r)
	})
	return m
}

// disabled is what the answer says of a plugin that was taken out of service.
type disabled struct {
	Name     string `json:"name"`
	Disabled bool   `json:"disabled"`
	// Persistent is false: the plugin is in service again with the next configuration that is loaded.
	Persistent bool `json:"persistent"`
	// FailurePolicy is what requests of the routes get until then.
	FailurePolicy string   `json:"failure_policy"`
	Routes        []string `json:"routes"`
}

func (h *Handler) disable(name string, r *http.Request) (disabled, *problem) {
	force, p := forced(r)
	if p != nil {
		return disabled{}, p
	}
	info, err := h.app.DisablePlugin(name, force)
	switch {
	case errors.Is(err, gateway.ErrPluginInUse):
		return disabled{}, &problem{Status: http.StatusConflict, Detail: err.Error() + ": add ?force=true to take it from them", Routes: info.Routes}
	case err != nil:
		return disabled{}, &problem{Status: http.StatusNotFound, Detail: err.Error()}
	}
	return disabled{Name: name, Disabled: true, FailurePolicy: string(info.FailurePolicy), Routes: info.Routes}, nil
}

// forced reads `force` of the query, or of a JSON object in the body.
func forced(r *http.Request) (bool, *problem) {
	var body struct {
		Force bool `json:"force"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		return false, bodyError(err)
	}
	text := r.URL.Query().Get("force")
	if text == "" {
		return body.Force, nil
	}
	force, err := strconv.ParseBool(text)
	if err != nil {
		return false, &problem{Status: http.StatusBadRequest, Detail: "force: write true or false"}
	}
	return force, nil
}
