package main

import (
	"context"
	"net"
	"strconv"
)

// startEnvoy runs Envoy with one worker and a listener for each work.
func startEnvoy(ctx context.Context, s setup) (*gateway, error) {
	g := &gateway{name: "Envoy", addresses: map[string]string{}}
	var listeners []object
	for _, work := range works() {
		address, err := freeAddress(ctx)
		if err != nil {
			return nil, err
		}
		g.addresses[work] = address
		listeners = append(listeners, envoyListener(work, address, s.guest))
	}
	file, err := writeConfig(s.dir, "envoy.json", object{"static_resources": object{
		"listeners": listeners,
		"clusters": []object{{
			"name": "backend", "type": "STATIC", "connect_timeout": "5s",
			"load_assignment": object{"cluster_name": "backend", "endpoints": []object{{
				"lb_endpoints": []object{{"endpoint": object{"address": socket(s.backend)}}},
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
	filters = append(filters, object{"name": "router", "typed_config": typed("envoy.extensions.filters.http.router.v3.Router", object{})})
	manager := typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", object{
		"stat_prefix": work, "generate_request_id": false, "http_filters": filters,
		"route_config": object{"virtual_hosts": []object{{
			"name": work, "domains": []string{"*"},
			"routes": []object{{"match": object{"prefix": "/"}, "route": object{"cluster": "backend"}}},
		}}},
	})
	chain := object{"filters": []object{{"name": "http", "typed_config": manager}}}
	return object{"name": work, "address": socket(address), "filter_chains": []object{chain}}
}

func envoyPlugin(work, guest string) object {
	return typed("envoy.extensions.filters.http.wasm.v3.Wasm", object{"config": object{
		"name":          work,
		"configuration": typed("google.protobuf.StringValue", object{"value": work}),
		"vm_config":     object{"vm_id": work, "runtime": "envoy.wasm.runtime.v8", "code": object{"local": object{"filename": guest}}},
	}})
}

func typed(name string, fields object) object {
	fields["@type"] = "type.googleapis.com/" + name
	return fields
}

func socket(address string) object {
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return object{"socket_address": object{"address": host, "port_value": n}}
}
