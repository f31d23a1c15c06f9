package admin

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/internal/version"
)

// processStart is when the program began, near enough: packages are set up first of all.
var processStart = time.Now() //nolint:gochecknoglobals // never changes

// info is what /info says.
type info struct {
	Loom          string     `json:"loom"`
	Caddy         string     `json:"caddy"`
	Go            string     `json:"go"`
	StartedAt     time.Time  `json:"started_at"`
	UptimeSeconds float64    `json:"uptime_seconds"`
	Config        configInfo `json:"config"`
	// Modules of Loom that the binary has.
	Modules []string `json:"modules"`
}

// configInfo is about the configuration that answers.
type configInfo struct {
	// Digest is the same wherever the same plugins, upstreams and routes are configured.
	Digest   string     `json:"digest"`
	LoadedAt *time.Time `json:"loaded_at,omitempty"`
	// LastReload is absent before the first configuration was loaded.
	LastReload *reload `json:"last_reload,omitempty"`
}

// reload is what became of the last attempt to load a configuration. The log says why one was refused.
type reload struct {
	Successful bool `json:"successful"`
	// LastSuccessAt is when one was loaded last.
	LastSuccessAt time.Time `json:"last_success_at"`
}

func (h *Handler) info(*http.Request) (info, *problem) {
	return info{
		Loom:          version.Loom(),
		Caddy:         version.Of("github.com/caddyserver/caddy/v2"),
		Go:            runtime.Version(),
		StartedAt:     processStart.UTC(),
		UptimeSeconds: time.Since(processStart).Round(time.Millisecond).Seconds(),
		Config:        configInfo{Digest: h.app.ConfigDigest(), LoadedAt: utc(h.app.LoadedAt()), LastReload: h.lastReload()},
		Modules:       loomModules(),
	}, nil
}

func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	in := at.UTC()
	return &in
}

// loomModules are those whose name begins with Loom's.
func loomModules() []string {
	return slices.DeleteFunc(caddy.Modules(), func(id string) bool {
		return !strings.HasPrefix(id[strings.LastIndex(id, ".")+1:], "loom") && !strings.HasPrefix(id, "loom.")
	})
}

// lastReload is what Caddy's metrics say, which it keeps nowhere else.
func (h *Handler) lastReload() *reload {
	families, err := h.ctx.GetMetricsRegistry().Gather()
	if err != nil {
		return nil
	}
	var r reload
	for _, f := range families {
		switch f.GetName() {
		case "caddy_config_last_reload_successful":
			r.Successful = f.GetMetric()[0].GetGauge().GetValue() == 1
		case "caddy_config_last_reload_success_timestamp_seconds":
			r.LastSuccessAt = time.Unix(0, int64(f.GetMetric()[0].GetGauge().GetValue()*float64(time.Second))).UTC()
		}
	}
	if r.LastSuccessAt.Unix() <= 0 {
		return nil
	}
	return &r
}
