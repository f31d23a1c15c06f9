package main

import (
	"context"

	"github.com/loom-gateway/loom/bench/process"
)

// startEnvoy runs Envoy with one worker and a listener for each work.
func startEnvoy(ctx context.Context, s setup) (*gateway, error) {
	g := &gateway{Process: process.Process{Name: "Envoy"}, addresses: map[string]string{}}
	var listeners []object
	for _, work := range works() {
		address, err := process.FreeAddress(ctx)
		if err != nil {
			return nil, err
		}
		g.addresses[work] = address
		listeners = append(listeners, envoyListener(work, address, s.guest))
	}
	file, err := process.WriteConfig(s.dir, "envoy.json", object{"static_resources": object{
		"listeners": listeners,
		"clusters": []object{{
			"name": "backend", "type": "STATIC", "connect_timeout": "5s",
			"load_assignment": object{"cluster_name": "backend", "endpoints": []object{{
				"lb_endpoints": []object{{"endpoint": object{"address": process.Socket(s.backend)}}},
			}}},
		}},
	}})
	if err != nil {
		return nil, err
	}
	return g.start(ctx, s.envoy, "-c", file, "--concurrency", "1", "--use-dynamic-base-id", "-l", "error")
}

func envoyListener(work, address, guest string) object {
	var filters []object
	if work != bare {
		filters = append(filters, object{"name": work, "typed_config": envoyPlugin(work, guest)})
	}
	filters = append(filters, object{"name": "router", "typed_config": process.Typed("envoy.extensions.filters.http.router.v3.Router", object{})})
	manager := process.Typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", object{
		"stat_prefix": work, "generate_request_id": false, "http_filters": filters,
		"route_config": object{"virtual_hosts": []object{{
			"name": work, "domains": []string{"*"},
			"routes": []object{{"match": object{"prefix": "/"}, "route": object{"cluster": "backend"}}},
		}}},
	})
	chain := object{"filters": []object{{"name": "http", "typed_config": manager}}}
	return object{"name": work, "address": process.Socket(address), "filter_chains": []object{chain}}
}

func envoyPlugin(work, guest string) object {
	return process.Typed("envoy.extensions.filters.http.wasm.v3.Wasm", object{"config": object{
		"name":          work,
		"configuration": process.Typed("google.protobuf.StringValue", object{"value": work}),
		"vm_config":     object{"vm_id": work, "runtime": "envoy.wasm.runtime.v8", "code": object{"local": object{"filename": guest}}},
	}})
}
