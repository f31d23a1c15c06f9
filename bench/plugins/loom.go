package main

import (
	"context"

	"github.com/loom-gateway/loom/bench/process"
)

// startLoom runs Loom with a route and a plugin for each work, and one instance of each plugin, as one thread of Envoy has.
func startLoom(ctx context.Context, s setup) (*gateway, error) {
	address, err := process.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	admin, err := process.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	env := []string{"CADDY_ADMIN=" + admin, "XDG_CONFIG_HOME=" + s.dir, "XDG_DATA_HOME=" + s.dir}
	g := &gateway{Process: process.Process{Name: "Loom", Env: env}, addresses: map[string]string{}}
	var routes, plugins []object
	for _, work := range works() {
		g.addresses[work] = address
		route := object{"id": work, "hosts": []string{host(work)}, "path": "/*", "upstream": "backend"}
		if work != bare {
			route["plugins"] = []string{work}
			plugins = append(plugins, object{"name": work, "path": s.guest, "config": work, "instances": 1})
		}
		routes = append(routes, route)
	}
	file, err := process.WriteConfig(s.dir, "loom.yaml", object{
		"listeners": []object{{"address": address, "protocol": "http"}}, "routes": routes, "plugins": plugins,
		"upstreams": []object{{"name": "backend", "endpoints": []string{s.backend}}},
	})
	if err != nil {
		return nil, err
	}
	return g.start(ctx, s.loom, "run", "--config", file)
}
