package main

import (
	"fmt"

	"github.com/loom-gateway/loom/bench/process"
)

func loomConfig(s setup) (args, env []string, err error) {
	var routes []object
	for i := range s.routes {
		routes = append(routes, object{"id": fmt.Sprint("r", i), "path": fmt.Sprintf("/r%d/*", i), "upstream": "backend"})
	}
	file, err := process.WriteConfig(s.dir, s.file("loom.yaml"), object{
		"listeners": []object{
			{"name": "plain", "address": s.plain, "protocol": "http"},
			{"name": "secure", "address": s.secure, "protocol": "https", "tls": object{"cert": s.certificate, "key": s.certificate}},
		},
		"routes": routes, "upstreams": []object{{"name": "backend", "endpoints": []string{s.backend}}},
	})
	return []string{"run", "--config", file}, goEnv(s), err
}

func goEnv(s setup) []string {
	return []string{"CADDY_ADMIN=" + s.admin, "XDG_CONFIG_HOME=" + s.dir, "XDG_DATA_HOME=" + s.dir}
}

// caddyConfig has one handler for all routes where Loom has one upstream, so that both have one pool of connections.
func caddyConfig(s setup) (args, env []string, err error) {
	proxy := object{"handler": "reverse_proxy", "upstreams": []object{{"dial": s.backend}}}
	var routes []object
	for i := range s.routes {
		routes = append(routes, object{"match": []object{{"path": []string{fmt.Sprintf("/r%d/*", i)}}}, "handle": []object{proxy}, "terminal": true})
	}
	file, err := process.WriteConfig(s.dir, s.file("caddy.json"), object{
		"admin": object{"disabled": true},
		"apps": object{
			"http": object{"servers": object{
				"plain": object{"listen": []string{s.plain}, "protocols": []string{"h1"}, "automatic_https": object{"disable": true}, "routes": routes},
				"secure": object{
					"listen": []string{s.secure}, "protocols": []string{"h1", "h2"}, "automatic_https": object{"disable": true}, "routes": routes[:10],
					"tls_connection_policies": []object{{}},
				},
			}},
			"tls": object{"certificates": object{"load_files": []object{{"certificate": s.certificate, "key": s.certificate}}}},
		},
	})
	return []string{"run", "--config", file}, goEnv(s), err
}
