package router

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/modules/gateway"
)

// info says what the admin API shows. What the handlers do is read from their JSON: modules do not know each other.
func (r *Route) info() *gateway.RouteInfo {
	return &gateway.RouteInfo{
		ID: r.ID, Hosts: r.Hosts, Paths: r.Paths, Methods: r.Methods, Priority: r.Priority, StripPrefix: r.StripPrefix, Rewrite: r.Rewrite,
		Headers: slices.Sorted(maps.Keys(r.Headers)), Query: slices.Sorted(maps.Keys(r.Query)),
		Chain: chainOf(nil, r.HandlersRaw),
	}
}

// chainOf adds the handlers to the chain; those in a subroute stand in its place.
func chainOf(chain []gateway.HandlerInfo, handlers []json.RawMessage) []gateway.HandlerInfo {
	for _, raw := range handlers {
		var h struct {
			Handler, Upstream string
			Timeout           caddy.Duration
			Plugins           []struct {
				Name   string
				Config *string
			}
			Routes []struct{ Handle []json.RawMessage }
		}
		if json.Unmarshal(raw, &h) != nil { // another module's field of such a name
			h.Upstream, h.Timeout, h.Plugins, h.Routes = "", 0, nil, nil
		}
		info := gateway.HandlerInfo{Handler: h.Handler}
		switch h.Handler {
		case "subroute":
			for _, r := range h.Routes {
				chain = chainOf(chain, r.Handle)
			}
			continue
		case "loom_proxy":
			info.Upstream, info.TimeoutSeconds = h.Upstream, time.Duration(h.Timeout).Seconds()
		case "loom_wasm":
			for _, p := range h.Plugins {
				info.Plugins = append(info.Plugins, gateway.RoutePlugin{Name: p.Name, Config: p.Config})
			}
		}
		chain = append(chain, info)
	}
	return chain
}
