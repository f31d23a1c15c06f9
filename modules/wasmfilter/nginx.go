package wasmfilter

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// nginxProperty answers plugins that were built for Kong, which name nginx' variables `ngx.NAME`, and for APISIX, which name
// them alone. What they set themselves is found before.
func nginxProperty(r *http.Request, path string) (string, bool) {
	if value, ok := property(r, path); ok {
		return value, ok
	}
	name := strings.ReplaceAll(path, "\x00", ".")
	for _, prefix := range []string{"ngx.", "wasmx."} {
		name = strings.TrimPrefix(name, prefix)
	}
	if name == "request_id" {
		return property(r, "request\x00id")
	}
	if to := nginxVariable(name); to != "" {
		return placeholder(r, to)
	}
	value, ok := caddyhttp.GetVar(r.Context(), name).(string)
	return value, ok
}

// nginxVariable is Caddy's placeholder for a variable of nginx, or empty.
func nginxVariable(name string) string {
	for prefix, to := range map[string]string{
		"http_": "http.request.header.", "sent_http_": "http.response.header.", "arg_": "http.request.uri.query.",
		"cookie_": "http.request.cookie.",
	} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if prefix == "http_" || prefix == "sent_http_" {
				rest = strings.ReplaceAll(rest, "_", "-")
			}
			return to + rest
		}
	}
	switch name {
	case "remote_addr":
		return "http.request.remote.host"
	case "remote_port":
		return "http.request.remote.port"
	case "server_addr":
		return "http.request.local.host"
	case "server_port":
		return "http.request.local.port"
	case "host", "hostname":
		return "http.request.host"
	case "uri", "document_uri":
		return "http.request.uri.path"
	case "request_uri":
		return "http.request.orig_uri"
	case "args", "query_string":
		return "http.request.uri.query"
	case "request_method":
		return "http.request.method"
	case "scheme":
		return "http.request.scheme"
	case "server_protocol":
		return "http.request.proto"
	case "ssl_server_name":
		return "http.request.tls.server_name"
	case "ssl_protocol":
		return "http.request.tls.version"
	case "upstream_addr":
		return "http.reverse_proxy.upstream.hostport"
	}
	return ""
}
