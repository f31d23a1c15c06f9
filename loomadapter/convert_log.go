package loomadapter

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// accessLogger is the name of what Caddy's servers log requests with.
const accessLogger = "http.log.access"

// redacted are parameters of queries that are secrets by their names. Headers that are secrets Caddy leaves out itself.
func redacted() []string {
	return []string{"token", "access_token", "id_token", "api_key", "password", "secret"}
}

func (d *Document) logs() bool { return d.AccessLog != nil && isOn(d.AccessLog.Enabled) }

// logging has the access log written without secrets; nil without one.
func (c *converter) logging() *caddy.Logging {
	if !c.doc.logs() {
		return nil
	}
	var actions []map[string]string
	for _, name := range append(redacted(), c.doc.AccessLog.Redact...) {
		actions = append(actions, map[string]string{"parameter": name, "type": "replace", "value": "REDACTED"})
	}
	query := map[string]any{"filter": "query", "actions": actions}
	encoder := map[string]any{
		"wrap":   map[string]string{"format": "json"},
		"fields": map[string]any{"request>uri": query, "request>headers>Referer": query},
	}
	access, rest := &caddy.CustomLog{Include: []string{accessLogger}}, &caddy.CustomLog{Exclude: []string{accessLogger}}
	access.EncoderRaw = caddyconfig.JSONModuleObject(encoder, "format", "filter", &c.warnings)
	return &caddy.Logging{Logs: map[string]*caddy.CustomLog{"access": access, "default": rest}}
}
