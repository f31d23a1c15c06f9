package admin

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/modules/gateway"
)

// Handler is http.handlers.loom_admin: it answers /health, /ready, /info, /routes, /upstreams, /plugins, /openapi.json,
// /openapi.yaml, and / with a page for people.
//
// Put it in a server of its own, on an address that only operators reach: whoever reaches it may read.
type Handler struct {
	// AllowedHosts are names under which the API may be reached, besides IP addresses, `localhost` and names under
	// `.localhost`. A web page whose name was made to point here (DNS rebinding) is refused by that.
	// Default: none.
	AllowedHosts []string `json:"allowed_hosts,omitempty"`

	// Token lets clients that send it (`Authorization: Bearer TOKEN`) write from anywhere. At least 16 bytes; `{env.NAME}` and
	// `{file.PATH}` are replaced. Default: none; then only clients on a loopback address or a unix socket may write.
	Token string `json:"token,omitempty"`

	// MetricsPath is where the next handler answers, which is Caddy's `metrics`; this one keeps out who may not read.
	// Default: none.
	MetricsPath string `json:"metrics_path,omitempty"`

	ctx     caddy.Context
	app     *gateway.App
	allowed map[string]bool
	token   [32]byte // its digest
}
