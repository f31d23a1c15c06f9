package admin

import (
	"net/http"

	"github.com/loom-gateway/loom/modules/gateway"
)

// Handler is http.handlers.loom_admin: it answers /health, /ready, /info, /routes, /upstreams and /plugins.
//
// Put it in a server of its own, on an address that only operators reach: it has no authentication.
type Handler struct {
	// AllowedHosts are names under which the API may be reached, besides IP addresses, `localhost` and names under
	// `.localhost`. A web page whose name was made to point here (DNS rebinding) is refused by that.
	// Default: none.
	AllowedHosts []string `json:"allowed_hosts,omitempty"`

	app     *gateway.App
	mux     *http.ServeMux
	allowed map[string]bool
}
