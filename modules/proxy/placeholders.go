package proxy

import (
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

const placeholderPrefix = "http.reverse_proxy."

// offerPlaceholders has Caddy's placeholders of reverse_proxy made when somebody asks for one, such as an access log.
func (p *pass) offerPlaceholders(r *http.Request) {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Map(p.placeholder)
	}
}

func (p *pass) placeholder(key string) (any, bool) {
	name, ok := strings.CutPrefix(key, placeholderPrefix)
	if !ok {
		return nil, false
	}
	if field, ok := strings.CutPrefix(name, "header."); ok && p.response != nil {
		values, ok := p.response.Header[http.CanonicalHeaderKey(field)]
		return strings.Join(values, ","), ok
	}
	if value, ok := p.endpointPlaceholder(name); ok {
		return value, true
	}
	return p.responsePlaceholder(name)
}

func (p *pass) endpointPlaceholder(name string) (any, bool) {
	endpoint := p.call.Endpoint()
	if endpoint == nil {
		return nil, false
	}
	switch name {
	case "upstream.address":
		return endpoint.Name(), true
	case "upstream.hostport":
		return endpoint.Address().Dial, true
	case "upstream.host":
		return endpoint.Address().Host, true
	case "upstream.port":
		return endpoint.Address().Port, true
	case "retries":
		return p.call.Attempts() - 1, true
	}
	return nil, false
}

func (p *pass) responsePlaceholder(name string) (any, bool) {
	if p.response == nil {
		return nil, false
	}
	switch name {
	case "status_code":
		return p.response.StatusCode, true
	case "status_text":
		return p.response.Status, true
	case "upstream.latency":
		return p.latency, true
	case "upstream.latency_ms":
		return milliseconds(p.latency), true
	case "duration", "upstream.duration":
		return time.Since(p.sent), true
	case "duration_ms", "upstream.duration_ms":
		return milliseconds(time.Since(p.sent)), true
	}
	return nil, false
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
