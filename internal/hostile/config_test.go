package hostile

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// object is JSON.
type object = map[string]any

// neighbour is the route and the plugin that must not feel anything.
const neighbour = "neighbour"

// config has the neighbour, and a route with a plugin for each trial.
func (k *kit) config(trials ...*trial) []byte {
	plugins := object{neighbour: object{
		"path": k.file("header-rewrite", nil), "instances": 2,
		"config": "request set x-through neighbour\nresponse set x-back neighbour",
	}}
	routes := []object{k.route(neighbour)}
	for _, tr := range trials {
		if tr.behaviour.id == keepers {
			plugins[keeper] = object{"path": k.file("probe-hostile", nil), "instances": 1, "config": "request_headers: remember 0 x-secret; setdata secret $val"}
			routes = append(routes, k.route(keeper))
			break
		}
	}
	for _, tr := range trials {
		plugins[tr.name] = k.plugin(tr)
		routes = append(routes, k.route(tr.name))
	}
	text, err := json.Marshal(object{"apps": object{
		"loom": object{"plugins": plugins, "upstreams": object{
			"backend": upstream(k.backend.address()),
			"itself":  upstream(k.address),
		}},
		"http": object{"servers": object{
			"gateway": object{
				"listen": []string{"loomtcp/" + k.address}, "listener_wrappers": []object{{"wrapper": "loom_handover"}}, "protocols": []string{"h1"}, "automatic_https": object{"disable": true},
				"routes": []object{{"handle": []object{{"handler": "loom_router", "routes": routes}}}},
			},
			"admin": object{
				"listen": []string{"loomtcp/" + k.loomAdmin}, "listener_wrappers": []object{{"wrapper": "loom_handover"}}, "protocols": []string{"h1"}, "automatic_https": object{"disable": true},
				"routes": []object{{"handle": []object{{"handler": "loom_admin"}}}},
			},
		}},
	}})
	if err != nil {
		k.t.Fatal(err)
	}
	return text
}

// upstream gives up idle connections at once: they belong to it and not to plugins, whose leavings are looked for.
func upstream(address string) object {
	return object{"endpoints": []object{{"address": address}}, "connection_pool": object{"idle_timeout": "1s"}}
}

// keepers is the behaviour that needs the keeper.
const keepers = 42

func (k *kit) route(name string) object {
	return object{"id": name, "paths": []string{"/" + name + "/*"}, "handle": []object{
		{"handler": "loom_wasm", "plugins": []object{{"name": name}}},
		{"handler": "loom_proxy", "upstream": "backend"},
	}}
}

func (k *kit) plugin(tr *trial) object {
	script := strings.NewReplacer("CANARY", k.canary.listener.Addr().String(), "ADMIN", k.caddyAdmin, "SELF", tr.name).Replace(scriptOf(tr.attack, tr.in))
	config := script
	if tr.attack.pad > 0 {
		config += "\n" + strings.Repeat("x", tr.attack.pad)
	}
	call, pause := patience, patience // what is not meant to end has time, on a machine that is busy with other things
	switch tr.attack.outcome {
	case held:
		pause = pauseTimeout
	case ends, refused:
		call = callTimeout
	case harmless, bounded:
	}
	p := object{
		"path": k.file("probe-hostile", nil), "config": config, "vm_config": script, "failure_policy": tr.policy, "instances": 1,
		"limits": object{
			"call_timeout": call, "start_timeout": startTimeout, "pause_timeout": pause, "memory": memoryLimit,
		},
	}
	if tr.attack.module != nil {
		p["path"] = k.file(tr.name, tr.attack.module)
	}
	maps.Copy(p, tr.attack.settings)
	return p
}

// file is where a module is: that of a plugin of this repository, or one that is written there.
func (k *kit) file(name string, make func(*kit) []byte) string {
	if make == nil {
		path, err := filepath.Abs(fmt.Sprintf("../../plugins/%s/%s.wasm", name, name))
		if err != nil {
			k.t.Fatal(err)
		}
		return path
	}
	path := filepath.Join(k.folder, name+".wasm")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := os.WriteFile(path, make(k), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return path
}

// readFile reads what belongs to the repository.
func readFile(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return data
}
