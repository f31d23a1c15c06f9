package admin

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	loomModule  = "github.com/loom-gateway/loom"
	caddyModule = "github.com/caddyserver/caddy/v2"
)

// processStart is when the program began, near enough: packages are set up first of all.
var processStart = time.Now() //nolint:gochecknoglobals // never changes

// info is what /info says.
type info struct {
	Loom          string    `json:"loom"`
	Caddy         string    `json:"caddy"`
	Go            string    `json:"go"`
	StartedAt     time.Time `json:"started_at"`
	UptimeSeconds float64   `json:"uptime_seconds"`
}

func (h *Handler) info(*http.Request) (any, *problem) {
	return info{
		Loom:          version(loomModule),
		Caddy:         version(caddyModule),
		Go:            runtime.Version(),
		StartedAt:     processStart.UTC(),
		UptimeSeconds: time.Since(processStart).Round(time.Millisecond).Seconds(),
	}, nil
}

// version is what Go recorded about a module at build time; Loom is the main module, or one of a Caddy that xcaddy built.
func version(module string) string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if build.Main.Path == module {
		return build.Main.Version
	}
	for _, dep := range build.Deps {
		if dep.Path == module {
			return dep.Version
		}
	}
	return "unknown"
}
