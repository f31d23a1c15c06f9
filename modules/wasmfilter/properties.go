package wasmfilter

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/httpfilter"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/modules/gateway"
)

// options connects the filter with Caddy: what it knows of a request becomes properties, and what plugins set becomes
// placeholders.
//
// Placeholder | Description
// ------------|-------------
// `{http.wasm.NAME}` | the property NAME that a plugin has set on the request
func options(log *zap.Logger, app *gateway.App, c *plugin.Context) httpfilter.Options {
	o := httpfilter.Options{
		Log: log, About: about, Set: set, Property: property, Var: variable,
		UpstreamAddress: upstreamAddress, LocalCertificate: localCertificate, ErrorStatus: errorStatus,
		Hosts: func(name string) []string { return hosts(app, name) },
	}
	if p := c.Profile(); p == proxywasm.ProfileKong || p == proxywasm.ProfileAPISIX {
		o.Property = nginxProperty
	}
	return o
}

// hosts are the endpoints of an upstream, as the config writes them.
func hosts(app *gateway.App, name string) (addresses []string) {
	u, err := app.Upstream(name)
	if err != nil {
		return nil
	}
	for _, e := range u.Endpoints() {
		addresses = append(addresses, e.Name())
	}
	return addresses
}

// about is asked before any callback: later the variables of a request may be written to while a plugin runs.
func about(r *http.Request) httpfilter.About {
	vars := gateway.VarsOf(r.Context())
	if vars == nil {
		return httpfilter.About{}
	}
	a := httpfilter.About{State: vars.ShareState(), RequestID: vars.RequestID()}
	a.ClientIP, _ = vars[caddyhttp.ClientIPVarKey].(string)
	route := vars.Route()
	if route == nil {
		return a
	}
	a.Route, a.Cluster, a.VirtualHost = route.ID, route.Upstream, "*"
	if len(route.Hosts) > 0 {
		a.VirtualHost = route.Hosts[0]
	}
	return a
}

// traceTag begins the names of properties that Higress' plugins want to see in the trace.
const traceTag = "trace_span_tag."

func set(r *http.Request, path, value string) {
	if repl := replacer(r); repl != nil {
		repl.Set("http.wasm."+path, value)
	}
	if tag, ok := strings.CutPrefix(path, traceTag); ok {
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.String(tag, value))
	}
}

func replacer(r *http.Request) *caddy.Replacer {
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	return repl
}

// property answers the properties that only Caddy knows.
func property(r *http.Request, path string) (string, bool) {
	if path == "request\x00id" {
		if id := gateway.VarsOf(r.Context()).RequestID(); id != "" {
			return id, true
		}
		return placeholder(r, "http.request.uuid")
	}
	return "", false
}

// placeholder finds a placeholder that has a value.
func placeholder(r *http.Request, name string) (string, bool) {
	repl := replacer(r)
	if repl == nil {
		return "", false
	}
	value, ok := repl.GetString(name)
	return value, ok && value != ""
}

// variable finds a variable of the request that has a value as text.
func variable(r *http.Request, name string) (string, bool) {
	switch v := caddyhttp.GetVar(r.Context(), name).(type) {
	case string:
		return v, true
	case fmt.Stringer:
		return v.String(), true
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// upstreamAddress is where Caddy's reverse_proxy has sent the request.
func upstreamAddress(r *http.Request) string {
	address, _ := placeholder(r, "http.reverse_proxy.upstream.hostport")
	return address
}

// localCertificate is the certificate that Caddy has for the name which the client asked for.
func localCertificate(r *http.Request) *x509.Certificate {
	if r.TLS == nil {
		return nil
	}
	defer func() { _ = recover() }() // Caddy's cache is gone when the last config is, and a request may be later
	for _, c := range caddytls.AllMatchingCertificates(r.TLS.ServerName) {
		if c.Leaf != nil {
			return c.Leaf
		}
	}
	return nil
}

// errorStatus is what Caddy makes of an error.
func errorStatus(err error) int {
	if e := (caddyhttp.HandlerError{}); errors.As(err, &e) && e.StatusCode != 0 {
		return e.StatusCode
	}
	if e := (*httpfilter.Error)(nil); errors.As(err, &e) {
		return e.Status
	}
	return http.StatusInternalServerError
}
