package gateway

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Readiness is whether the gateway takes requests.
type Readiness struct {
	// Draining: the process is about to end.
	Draining bool
	// Missing is what has still to come up; empty when the gateway is ready.
	Missing []string
	// Degraded is what does not work although the gateway is ready: taking it out of service would not mend that.
	Degraded []string
}

// Readiness looks at the config that the process runs. While a next one starts, that is still the one before, which goes
// on serving.
func (a *App) Readiness() Readiness {
	current := a.active()
	r := Readiness{Draining: caddy.Exiting(), Missing: current.missing()}
	if len(r.Missing) == 0 {
		r.Degraded = current.degraded()
	}
	return r
}

// active is the app of the config that the process runs: this one, or the one that it takes over from, or the one that has
// taken over. Outside of Caddy's own life cycle it is this one.
func (a *App) active() *App {
	ctx := caddy.ActiveContext()
	if app, err := ctx.AppIfConfigured("loom"); err == nil {
		return app.(*App)
	}
	return a
}

func (a *App) missing() (list []string) {
	if a.up.at() != nil {
		return nil
	}
	if !a.Started() {
		list = append(list, "the plugins' timers and the upstreams' probes")
	}
	if list = append(list, a.closedListeners()...); len(list) == 0 {
		list = append(list, "other apps of the configuration")
	}
	return list
}

// closedListeners are the addresses that Caddy does not listen on yet.
func (a *App) closedListeners() (list []string) {
	app, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return nil
	}
	servers := app.(*caddyhttp.App).Servers
	for _, name := range sortedNames(servers) {
		for _, listen := range servers[name].Listen {
			address, err := caddy.ParseNetworkAddress(listen)
			if err == nil && !isOpen(address) {
				list = append(list, fmt.Sprintf("the listener %s of the server %q", listen, name))
			}
		}
	}
	return list
}

// isOpen reports whether Caddy listens there. The sockets below networks of Loom's own are TCP's.
func isOpen(address caddy.NetworkAddress) bool {
	at := address.JoinHostPort(0)
	return caddy.ListenerUsage(address.Network, at) > 0 || caddy.ListenerUsage("tcp", at) > 0
}

func (a *App) degraded() (list []string) {
	a.plugins.mu.Lock()
	defer a.plugins.mu.Unlock()
	for _, name := range sortedNames(a.plugins.byName) {
		p := a.plugins.byName[name]
		switch {
		case p.Disabled():
			list = append(list, fmt.Sprintf("plugin %q is disabled", name))
		case p.Stats().Instances == 0:
			list = append(list, fmt.Sprintf("plugin %q has no usable instance", name))
		}
	}
	for _, s := range a.UpstreamSnapshots() {
		available := 0
		for _, e := range s.Endpoints {
			if e.Available {
				available++
			}
		}
		if available == 0 {
			list = append(list, fmt.Sprintf("upstream %q has no available endpoint", s.Name))
		}
	}
	return list
}

// LoadedAt is when the config had started, nil before.
func (a *App) LoadedAt() *time.Time { return a.up.at() }
