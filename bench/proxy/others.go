package main

import (
	"fmt"
	"strings"

	"github.com/loom-gateway/loom/bench/process"
)

// The programs in C and C++ run with one worker.

func envoyConfig(s setup) (args, env []string, err error) {
	var routes []object
	for i := range s.routes {
		routes = append(routes, object{"match": object{"prefix": fmt.Sprintf("/r%d/", i)}, "route": object{"cluster": "backend"}})
	}
	listener := func(name, address string, transport object) object {
		manager := process.Typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", object{
			"stat_prefix": name, "generate_request_id": false,
			"http_filters": []object{{"name": "router", "typed_config": process.Typed("envoy.extensions.filters.http.router.v3.Router", object{})}},
			"route_config": object{"virtual_hosts": []object{{"name": "all", "domains": []string{"*"}, "routes": routes}}},
		})
		chain := object{"filters": []object{{"name": "http", "typed_config": manager}}}
		if transport != nil {
			chain["transport_socket"] = transport
		}
		return object{"name": name, "address": process.Socket(address), "filter_chains": []object{chain}}
	}
	pem := object{"filename": s.certificate}
	tls := object{"name": "tls", "typed_config": process.Typed("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", object{
		"common_tls_context": object{
			"alpn_protocols":   []string{"h2", "http/1.1"},
			"tls_certificates": []object{{"certificate_chain": pem, "private_key": pem}},
		},
	})}
	file, err := process.WriteConfig(s.dir, s.file("envoy.json"), object{"static_resources": object{
		"listeners": []object{listener("plain", s.plain, nil), listener("secure", s.secure, tls)},
		"clusters": []object{{
			"name": "backend", "type": "STATIC", "connect_timeout": "5s",
			"load_assignment": object{"cluster_name": "backend", "endpoints": []object{{
				"lb_endpoints": []object{{"endpoint": object{"address": process.Socket(s.backend)}}},
			}}},
		}},
	}})
	return []string{"-c", file, "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"}, nil, err
}

func nginxConfig(s setup) (args, env []string, err error) {
	var locations strings.Builder
	for i := range s.routes {
		fmt.Fprintf(&locations, "location /r%d/ { proxy_pass http://backend; }\n", i)
	}
	text := fmt.Sprintf(`daemon off; master_process off; pid %[1]s; error_log stderr error;
events { worker_connections 4096; }
http {
	access_log off; client_body_temp_path %[2]s; proxy_temp_path %[2]s; fastcgi_temp_path %[2]s; uwsgi_temp_path %[2]s; scgi_temp_path %[2]s;
	keepalive_requests 100000000; proxy_buffers 32 64k; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
	proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $host;
	upstream backend { server %[3]s; keepalive 128; keepalive_requests 100000000; }
	server {
		listen %[4]s; listen %[5]s ssl http2;
		ssl_certificate %[6]s; ssl_certificate_key %[6]s;
		%[7]s
	}
}`, s.dir+"/"+s.file("nginx.pid"), s.dir+"/"+s.file("nginx"), s.backend, s.plain, s.secure, s.certificate, locations.String())
	file, err := writeText(s, "nginx.conf", text)
	return []string{"-c", file}, nil, err
}

func haproxyConfig(s setup) (args, env []string, err error) {
	var prefixes strings.Builder
	for i := range s.routes {
		fmt.Fprintf(&prefixes, "/r%d/ backend\n", i)
	}
	table, err := writeText(s, "haproxy.map", prefixes.String())
	if err != nil {
		return nil, nil, err
	}
	file, err := writeText(s, "haproxy.cfg", fmt.Sprintf(`global
	nbthread 1
defaults
	mode http
	timeout connect 5s
	timeout client 60s
	timeout server 60s
	http-reuse always
frontend all
	bind %s
	bind %s ssl crt %s alpn h2,http/1.1
	option forwardfor
	use_backend %%[path,map_beg(%s)]
backend backend
	server one %s
`, s.plain, s.secure, s.certificate, table, s.backend))
	return []string{"-db", "-f", file}, nil, err
}
