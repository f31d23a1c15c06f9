package loomadapter

import (
	"encoding/json"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// accessLogger is the name of what Caddy's servers log requests with.
const accessLogger = "http.log.access"

// redacted are parameters of queries that are secrets by their names. Headers that are secrets Caddy leaves out itself.
func redacted() []string {
	return []string{"token", "access_token", "id_token", "api_key", "password", "secret"}
}

// logStreams are the outputs that are no file.
func logStreams() []string { return []string{"stdout", "stderr"} }

func (d *Document) logs() bool { return d.AccessLog != nil && isOn(d.AccessLog.Enabled) }

// logging has the access log written without secrets; nil without one.
func (c *converter) logging() *caddy.Logging {
	if !c.doc.logs() {
		return nil
	}
	access, rest := &caddy.CustomLog{Include: []string{accessLogger}}, &caddy.CustomLog{Exclude: []string{accessLogger}}
	access.EncoderRaw = caddyconfig.JSONModuleObject(logEncoder(c.doc.AccessLog), "format", "filter", &c.warnings)
	access.WriterRaw = c.logWriter(c.doc.AccessLog.Output)
	if s := c.doc.AccessLog.Sample; s != nil {
		access.Sampling = &caddy.LogSampling{Interval: time.Duration(s.Interval), First: s.First, Thereafter: s.Thereafter}
	}
	return &caddy.Logging{Logs: map[string]*caddy.CustomLog{"access": access, "default": rest}}
}

// logEncoder writes JSON without secrets, and without what is omitted.
func logEncoder(l *AccessLog) map[string]any {
	var actions []map[string]string
	for _, name := range append(redacted(), l.Redact...) {
		actions = append(actions, map[string]string{"parameter": name, "type": "replace", "value": "REDACTED"})
	}
	query := map[string]any{"filter": "query", "actions": actions}
	fields := map[string]any{"request>uri": query, "request>headers>Referer": query}
	for _, name := range l.Omit {
		fields[name] = map[string]string{"filter": "delete"}
	}
	return map[string]any{"wrap": map[string]string{"format": "json"}, "fields": fields}
}

// logWriter is nil for stderr, Caddy's default.
func (c *converter) logWriter(output string) json.RawMessage {
	switch output {
	case "", "stderr":
		return nil
	case "stdout":
		return caddyconfig.JSONModuleObject(struct{}{}, "output", "stdout", &c.warnings)
	}
	return caddyconfig.JSONModuleObject(map[string]string{"filename": output}, "output", "file", &c.warnings)
}
