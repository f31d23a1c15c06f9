package admin

import "net/http"

// status is what /health and /ready say.
type status struct {
	Status string `json:"status"`
	// Degraded is what does not work, although the gateway takes requests.
	Degraded []string `json:"degraded,omitempty"`
}

// health answers as long as the process serves.
func (h *Handler) health(*http.Request) (status, *problem) {
	return status{Status: "ok"}, nil
}

// ready answers 503 until everything of the config is up, and from the moment that the process has begun to end.
func (h *Handler) ready(*http.Request) (status, *problem) {
	r := h.app.Readiness()
	switch {
	case r.Draining:
		return status{}, &problem{Status: http.StatusServiceUnavailable, Detail: "the gateway is shutting down"}
	case len(r.Missing) > 0:
		return status{}, &problem{Status: http.StatusServiceUnavailable, Detail: "the gateway is starting", Missing: r.Missing}
	}
	return status{Status: "ready", Degraded: r.Degraded}, nil
}
