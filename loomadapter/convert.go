package loomadapter

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/tracing"
	"go.yaml.in/yaml/v3"

	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/proxy"
	"github.com/loom-gateway/loom/modules/router"
	"github.com/loom-gateway/loom/modules/wasmfilter"
)

// gracePeriod is how long a stopping server waits for requests. Caddy's own default is for ever.
const gracePeriod = caddy.Duration(30 * time.Second)

// convert makes Caddy's config of a document that is in order.
func convert(doc *Document, r *report) *caddy.Config {
	c := &converter{report: r, doc: doc}
	apps := caddy.ModuleMap{"http": c.json(c.httpApp()), "loom": c.json(c.loomApp())}
	if t := c.tlsApp(); t != nil {
		apps["tls"] = c.json(t)
	}
	return &caddy.Config{AppsRaw: apps}
}

type converter struct {
	*report
	doc *Document
}

func (c *converter) json(v any) json.RawMessage { return caddyconfig.JSON(v, &c.warnings) }

func (c *converter) handler(name string, v any) json.RawMessage {
	return caddyconfig.JSONModuleObject(v, "handler", name, &c.warnings)
}

func (c *converter) httpApp() *caddyhttp.App {
	app := &caddyhttp.App{GracePeriod: gracePeriod, Servers: map[string]*caddyhttp.Server{}}
	for i := range c.doc.Listeners {
		app.Servers[c.doc.Listeners[i].Name] = c.server(&c.doc.Listeners[i])
	}
	if a := c.doc.Admin; a != nil && isOn(a.Enabled) {
		app.Servers[adminServer] = c.adminServer(a)
	}
	if c.metricsPath() != "" {
		app.Metrics = new(caddyhttp.Metrics)
	}
	return app
}

// handlers is what every listener serves.
func (c *converter) handlers() []json.RawMessage {
	var list []json.RawMessage
	if t := c.doc.Tracing; t != nil && t.On {
		list = append(list, c.handler("tracing", tracing.Tracing{SpanName: "loom"}))
	}
	rt := router.Handler{}
	if p := c.doc.Paths; p != nil {
		rt.Paths = &router.PathPolicy{EncodedSlashes: p.EncodedSlashes, Semicolons: p.Semicolons}
	}
	for i := range c.doc.Routes {
		rt.Routes = append(rt.Routes, c.route(&c.doc.Routes[i]))
	}
	return append(list, c.handler("loom_router", rt))
}

func (c *converter) route(r *Route) *router.Route {
	out := &router.Route{
		ID: r.ID, Hosts: r.Hosts, Paths: r.paths(), Methods: r.Methods, Headers: r.Headers, Query: r.Query, Priority: r.Priority,
		StripPrefix: r.StripPrefix, Rewrite: r.Rewrite,
	}
	if len(r.Plugins) > 0 {
		filter := wasmfilter.Handler{}
		for _, p := range r.Plugins {
			filter.Plugins = append(filter.Plugins, wasmfilter.PluginRef{Name: p.Name, Config: c.configText(p.Config, p.Pos)})
		}
		out.HandlersRaw = append(out.HandlersRaw, c.handler("loom_wasm", filter))
	}
	out.HandlersRaw = append(out.HandlersRaw, c.target(r))
	return out
}

// target is the handler that a route ends in.
func (c *converter) target(r *Route) json.RawMessage {
	switch {
	case r.Redirect != nil:
		status := r.Redirect.Status
		if status == 0 {
			status = http.StatusFound
		}
		return c.handler("static_response", caddyhttp.StaticResponse{
			StatusCode: caddyhttp.WeakString(itoa(status)), Headers: http.Header{"Location": {r.Redirect.To}},
		})
	case r.Respond != nil:
		response := caddyhttp.StaticResponse{Body: r.Respond.Body}
		if r.Respond.Status != 0 {
			response.StatusCode = caddyhttp.WeakString(itoa(r.Respond.Status))
		}
		for name, value := range r.Respond.Headers {
			if response.Headers == nil {
				response.Headers = http.Header{}
			}
			response.Headers.Set(name, value)
		}
		return c.handler("static_response", response)
	}
	return c.handler("loom_proxy", proxy.Handler{Upstream: r.Upstream, Timeout: caddy.Duration(r.Timeout)})
}

func (c *converter) loomApp() *gateway.App {
	app := &gateway.App{Node: c.node(), Debug: c.debug()}
	for i := range c.doc.Plugins {
		if app.Plugins == nil {
			app.Plugins = map[string]*gateway.Plugin{}
		}
		app.Plugins[c.doc.Plugins[i].Name] = c.plugin(&c.doc.Plugins[i])
	}
	for i := range c.doc.Upstreams {
		if app.Upstreams == nil {
			app.Upstreams = map[string]*gateway.Upstream{}
		}
		app.Upstreams[c.doc.Upstreams[i].Name] = convertUpstream(&c.doc.Upstreams[i])
	}
	return app
}

func (c *converter) plugin(p *Plugin) *gateway.Plugin {
	out := &gateway.Plugin{
		Path: p.Path, SHA256: p.SHA256, Phase: p.Phase, Priority: p.Priority, RootID: p.RootID, VMID: p.VMID, Env: p.Env,
		FailurePolicy: p.FailurePolicy, Instances: p.Instances, AllowOnHeadersStopIteration: p.AllowOnHeadersStopIteration,
		Profile: p.Profile, AllowMissingABIVersion: p.AllowMissingABIVersion, UnknownImports: p.UnknownImports,
		SkipOwnLocalReply: p.SkipOwnLocalReply, TickMode: p.TickMode, Trusted: p.Trusted,
	}
	if a := p.Allow; a != nil {
		out.Allow = &gateway.PluginAllow{Functions: a.Functions, Upstreams: a.Upstreams, Addresses: a.Addresses}
		if h := a.Headers; h != nil {
			out.Allow.Headers = &gateway.PluginHeaders{Read: h.Read, Write: h.Write}
		}
	}
	if p.Path == "" {
		out.Bundled = p.Name
	}
	if text := c.configText(p.Config, p.Pos.key("config")); text != nil {
		out.Config = *text
	}
	if text := c.configText(p.VMConfig, p.Pos.key("vm_config")); text != nil {
		out.VMConfig = *text
	}
	if l := p.Limits; l != nil {
		out.Limits = &gateway.PluginLimits{
			Memory: int64(l.Memory), CallTimeout: caddy.Duration(l.CallTimeout), StartTimeout: caddy.Duration(l.StartTimeout),
			CompileTimeout: caddy.Duration(l.CompileTimeout),
			Body:           int64(l.Body), PauseTimeout: caddy.Duration(l.PauseTimeout),
			DoneTimeout:       caddy.Duration(l.DoneTimeout),
			TickPeriod:        caddy.Duration(l.TickPeriod),
			Configuration:     int(l.Configuration),
			LogRate:           l.LogRate,
			LogLine:           int(l.LogLine),
			Metrics:           l.Metrics,
			SharedData:        int(l.SharedData),
			QueueItems:        l.QueueItems,
			QueueData:         int(l.QueueData),
			Calls:             l.Calls,
			RequestCalls:      l.RequestCalls,
			RequestCallsInAll: l.RequestCallsInAll,
			CallBody:          int(l.CallBody),
			CallBodies:        int(l.CallBodies),
		}
	}
	if b := p.CircuitBreaker; b != nil {
		out.CircuitBreaker = &gateway.PluginBreaker{
			Disabled: b.Disabled, FailureThreshold: b.FailureThreshold, Window: caddy.Duration(b.Window),
			Timeout: caddy.Duration(b.Timeout), MaxTimeout: caddy.Duration(b.MaxTimeout),
		}
	}
	if r := p.Recycle; r != nil {
		out.Recycle = &gateway.PluginRecycle{Memory: int64(r.Memory), Age: caddy.Duration(r.Age), Requests: r.Requests}
	}
	return out
}

// configText is what a guest gets: a text as it is, anything else as compact JSON with sorted keys.
func (c *converter) configText(node *yaml.Node, at Pos) *string {
	if node == nil {
		return nil
	}
	if node.Kind == yaml.ScalarNode && (node.Tag == "!!str" || node.Style != 0) {
		return &node.Value
	}
	var value any
	err := node.Decode(&value)
	if err == nil {
		var text []byte
		if text, err = json.Marshal(value); err == nil {
			s := string(text)
			return &s
		}
	}
	c.errorf(at, "this cannot be written as JSON: %v", err)
	return nil
}

func convertUpstream(u *Upstream) *gateway.Upstream {
	out := &gateway.Upstream{LoadBalancer: u.LoadBalancer, Protocol: u.Protocol}
	for _, e := range u.Endpoints {
		endpoint := gateway.Endpoint{Address: e.Address}
		if e.Weight != nil {
			endpoint.Weight = *e.Weight
		}
		out.Endpoints = append(out.Endpoints, endpoint)
	}
	if h := u.Hash; h != nil {
		out.Hash = &gateway.UpstreamHash{Header: h.Header, Cookie: h.Cookie, ClientIP: h.ClientIP, BalanceFactor: h.BalanceFactor}
	}
	if t := u.TLS; t != nil {
		out.TLS = &gateway.UpstreamTLS{ServerName: t.ServerName, CA: t.CA, Cert: t.Cert, Key: t.Key, InsecureSkipVerify: t.InsecureSkipVerify}
	}
	if p := u.ConnectionPool; p != nil {
		out.ConnectionPool = &gateway.ConnectionPool{
			MaxIdlePerEndpoint: p.MaxIdlePerEndpoint, MaxPerEndpoint: p.MaxPerEndpoint,
			IdleTimeout: caddy.Duration(p.IdleTimeout), DialTimeout: caddy.Duration(p.DialTimeout),
		}
	}
	if t := u.Transport; t != nil {
		out.Transport = &gateway.UpstreamTransport{Engine: t.Engine, MaxResponseHeader: int64(t.MaxResponseHeader)}
	}
	convertResilience(u, out)
	return out
}

func convertResilience(u *Upstream, out *gateway.Upstream) {
	out.PanicThreshold, out.SlowStart = u.PanicThreshold, caddy.Duration(u.SlowStart)
	if h := u.HealthCheck; h != nil {
		out.HealthCheck = &gateway.HealthCheck{
			Type: h.Type, Path: h.Path, Method: h.Method, Host: h.Host, Headers: h.Headers, ExpectStatus: h.ExpectStatus, ExpectBody: h.ExpectBody,
			Service: h.Service, Interval: caddy.Duration(h.Interval), Jitter: h.Jitter, Timeout: caddy.Duration(h.Timeout),
			HealthyThreshold: h.HealthyThreshold, UnhealthyThreshold: h.UnhealthyThreshold, Initial: h.Initial,
		}
	}
	if b := u.CircuitBreaker; b != nil {
		out.CircuitBreaker = &gateway.CircuitBreaker{
			FailureThreshold: b.FailureThreshold, FailureRate: b.FailureRate, MinimumRequests: b.MinimumRequests, Window: caddy.Duration(b.Window),
			FailureStatuses: b.FailureStatuses, SuccessThreshold: b.SuccessThreshold, Timeout: caddy.Duration(b.Timeout),
			HalfOpenRequests: b.HalfOpenRequests,
		}
	}
	if p := u.PassiveHealth; p != nil {
		out.PassiveHealth = &gateway.PassiveHealth{
			FailureThreshold: p.FailureThreshold, FailureStatuses: p.FailureStatuses, EjectionTime: caddy.Duration(p.EjectionTime),
			MaxEjectionTime: caddy.Duration(p.MaxEjectionTime), MaxEjected: p.MaxEjected,
		}
	}
}
