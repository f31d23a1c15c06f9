package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/admin"
)

// parseAdmin reads the directive of the admin API, which belongs into a site of its own. Metrics are those of a `metrics`
// directive beside it.
//
//	loom_admin {
//		allowed_hosts <name>...
//		token         <text>
//		metrics_path  <path>
//	}
func parseAdmin(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	if h.NextArg() {
		return nil, h.Errf("loom_admin takes no value, only a block")
	}
	handler := &admin.Handler{}
	b := block{owner: "loom_admin", words: map[string]reader{
		"allowed_hosts": list(&handler.AllowedHosts),
		"token":         text(&handler.Token),
		"metrics_path":  text(&handler.MetricsPath),
	}}
	return handler, b.read(h.Dispenser)
}
