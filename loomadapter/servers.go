package loomadapter

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddypki"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"github.com/caddyserver/caddy/v2/modules/metrics"

	"github.com/loom-gateway/loom/modules/admin"
	"github.com/loom-gateway/loom/modules/listener"
)

const (
	// adminServer is the name of the server of the admin API.
	adminServer = "loom_admin"

	defaultAdminAddress = "127.0.0.1:9091"

	adminHeaderTimeout = caddy.Duration(10 * time.Second)
	adminTimeout       = caddy.Duration(30 * time.Second)
	adminMaxHeader     = 16 << 10

	defaultMetricsPath = "/metrics"
)

func itoa(n int) string { return strconv.Itoa(n) }

// server makes a listener. Plaintext servers switch automatic HTTPS off: a host matcher would turn TLS on for them.
func (c *converter) server(l *Listener) *caddyhttp.Server {
	s := &caddyhttp.Server{Protocols: protocols(l), MaxHeaderBytes: int(l.MaxHeaderSize)}
	c.listen(s, l.Address, isOn(l.Handover))
	s.ReadHeaderTimeout, s.IdleTimeout = caddy.Duration(l.ReadHeaderTimeout), caddy.Duration(l.IdleTimeout)
	s.ReadIdleTimeout, s.WriteIdleTimeout = l.pause("read_idle_timeout", l.ReadIdleTimeout), l.pause("write_idle_timeout", l.WriteIdleTimeout)
	if c.doc.logs() {
		s.Logs = &caddyhttp.ServerLogConfig{}
	}
	if l.Protocol == "grpc" && s.ReadIdleTimeout == 0 {
		s.ReadIdleTimeout = -1 // the default of 60s would cut streams whose client is quiet
	}
	if len(l.TrustedProxies) > 0 {
		s.TrustedProxiesRaw = caddyconfig.JSONModuleObject(caddyhttp.StaticIPRange{Ranges: l.TrustedProxies}, "source", "static", &c.warnings)
		s.TrustedProxiesStrict = 1 // from the right: what a client has put in front does not count
	}
	route := caddyhttp.Route{HandlersRaw: c.handlers()}
	switch {
	case l.TLS == nil:
		s.AutoHTTPS = &caddyhttp.AutoHTTPSConfig{Disabled: true}
	case l.TLS.Automatic != nil:
		// Caddy finds the hosts that need certificates only in top-level matchers.
		s.AutoHTTPS = &caddyhttp.AutoHTTPSConfig{DisableRedir: true}
		hosts := caddyhttp.MatchHost(l.TLS.Automatic.Hosts)
		route.MatcherSetsRaw = caddyhttp.RawMatcherSets{{"host": c.json(hosts)}}
	default:
		s.AutoHTTPS = &caddyhttp.AutoHTTPSConfig{Disabled: true}
	}
	if l.TLS != nil {
		s.TLSConnPolicies = c.connectionPolicies(l)
	}
	if l.TLS != nil && l.TLS.ClientCA != "" {
		// Caddy would answer 421 where SNI and Host differ, and so to every client that connects to an address. It guards listeners
		// whose names ask for different certificates; here all names ask for the same.
		s.StrictSNIHost = new(bool)
	}
	s.Routes = caddyhttp.RouteList{route}
	if route.MatcherSetsRaw != nil { // Caddy answers other hosts with an empty 200
		s.Routes = append(s.Routes, caddyhttp.Route{HandlersRaw: []json.RawMessage{
			c.handler("static_response", caddyhttp.StaticResponse{StatusCode: "404"}),
		}})
	}
	return s
}

// listen gives a server its address; with handover, reloads keep the socket and the connections.
func (c *converter) listen(s *caddyhttp.Server, address string, handover bool) {
	s.Listen = []string{address}
	if !handover {
		return
	}
	s.ListenerWrappersRaw = []json.RawMessage{
		caddyconfig.JSONModuleObject(listener.Handover{}, "wrapper", "loom_handover", &c.warnings),
	}
	if namesNetwork := strings.Contains(address, "/") || strings.HasPrefix(address, "{"); !namesNetwork {
		s.Listen = []string{listener.Network + "/" + address}
	}
}

// pause is a limit of Caddy's, whose zero is its default, and which a negative one switches off.
func (l *Listener) pause(key string, limit Duration) caddy.Duration {
	if _, written := l.Pos.keys[key]; written && limit == 0 {
		return -1
	}
	return caddy.Duration(limit)
}

func protocols(l *Listener) []string {
	switch {
	case len(l.Protocols) > 0:
		return l.Protocols
	case l.Protocol == "https":
		return []string{"h1", "h2", "h3"}
	case l.Protocol == "grpc" && l.TLS != nil:
		return []string{"h1", "h2"}
	case l.Protocol == "h2c" || l.Protocol == "grpc":
		return []string{"h1", "h2c"}
	}
	return []string{"h1"}
}

func (c *converter) connectionPolicies(l *Listener) caddytls.ConnectionPolicies {
	policy := &caddytls.ConnectionPolicy{}
	if l.TLS.Cert != "" {
		policy.CertSelection = &caddytls.CustomCertSelectionPolicy{AnyTag: []string{l.Name}}
	}
	if l.TLS.ClientCA != "" {
		source := map[string]any{"pem_files": []string{l.TLS.ClientCA}}
		policy.ClientAuthentication = &caddytls.ClientAuthentication{
			CARaw: caddyconfig.JSONModuleObject(source, "provider", "file", &c.warnings), Mode: "require_and_verify",
		}
	}
	return caddytls.ConnectionPolicies{policy}
}

// tlsApp is nil without TLS listeners.
func (c *converter) tlsApp() *caddytls.TLS {
	var files caddytls.FileLoader
	var policies []*caddytls.AutomationPolicy
	for _, l := range c.doc.Listeners {
		switch {
		case l.TLS == nil:
		case l.TLS.Automatic != nil:
			policies = append(policies, c.automation(l.TLS.Automatic))
		default:
			files = append(files, caddytls.CertKeyFilePair{Certificate: l.TLS.Cert, Key: l.TLS.Key, Tags: []string{l.Name}})
		}
	}
	if files == nil && policies == nil {
		return nil
	}
	app := &caddytls.TLS{}
	if files != nil {
		app.CertificatesRaw = caddy.ModuleMap{"load_files": c.json(files)}
	}
	if policies != nil {
		app.Automation = &caddytls.AutomationConfig{Policies: policies}
	}
	return app
}

func (c *converter) automation(a *AutomaticTLS) *caddytls.AutomationPolicy {
	policy := &caddytls.AutomationPolicy{SubjectsRaw: a.Hosts}
	switch {
	case a.Issuer == "internal":
		policy.IssuersRaw = []json.RawMessage{caddyconfig.JSONModuleObject(caddytls.InternalIssuer{}, "module", "internal", &c.warnings)}
	case a.Email != "":
		policy.IssuersRaw = []json.RawMessage{caddyconfig.JSONModuleObject(caddytls.ACMEIssuer{Email: a.Email}, "module", "acme", &c.warnings)}
	}
	return policy
}

// pkiApp is nil unless Caddy's own authority signs certificates. Its root stays a file: a gateway changes nothing that the rest
// of the machine trusts.
func (c *converter) pkiApp() *caddypki.PKI {
	for _, l := range c.doc.Listeners {
		if l.TLS != nil && l.TLS.Automatic != nil && l.TLS.Automatic.Issuer == "internal" {
			return &caddypki.PKI{CAs: map[string]*caddypki.CA{caddypki.DefaultCAID: {InstallTrust: new(bool)}}}
		}
	}
	return nil
}

// metricsPath is empty when metrics are off.
func (d *Document) metricsPath() string {
	m := d.Metrics
	switch {
	case m == nil || m.Prometheus == nil || !isOn(m.Prometheus.Enabled):
		return ""
	case m.Prometheus.Path == "":
		return defaultMetricsPath
	}
	return m.Prometheus.Path
}

// adminServer is a server of its own, so that no route can expose it and a failed reload does not touch it. Its clients are
// people and scripts: one that takes its time is not waited for.
func (c *converter) adminServer(a *Admin) *caddyhttp.Server {
	path := c.doc.metricsPath()
	handlers := []json.RawMessage{c.handler("loom_admin", admin.Handler{Token: a.Token, AllowedHosts: a.AllowedHosts, MetricsPath: path})}
	if path != "" {
		handlers = append(handlers, c.handler("metrics", metrics.Metrics{}))
	}
	s := &caddyhttp.Server{
		Protocols: []string{"h1"}, AutoHTTPS: &caddyhttp.AutoHTTPSConfig{Disabled: true},
		ReadHeaderTimeout: adminHeaderTimeout, ReadTimeout: adminTimeout, WriteTimeout: adminTimeout, MaxHeaderBytes: adminMaxHeader,
		Routes: caddyhttp.RouteList{{HandlersRaw: handlers}},
	}
	c.listen(s, a.address(), true)
	return s
}
