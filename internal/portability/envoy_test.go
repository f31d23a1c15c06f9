package portability

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// envoyPath finds the Envoy that .ci/setup installs, or the one that $ENVOY names. The wheel's own command is a Python
// script around it.
func envoyPath() string {
	if path := os.Getenv("ENVOY"); path != "" {
		return path
	}
	found, _ := filepath.Glob("../../bin/envoy-venv/lib/python3*/site-packages/envoy/_bin/envoy")
	if len(found) == 0 {
		return ""
	}
	path, _ := filepath.Abs(found[0])
	return path
}

type object = map[string]any

func typed(name string, fields object) object {
	fields["@type"] = "type.googleapis.com/" + name
	return fields
}

func socket(address string) object {
	host, port, _ := strings.Cut(address, ":")
	n, _ := strconv.Atoi(port)
	return object{"socket_address": object{"address": host, "port_value": n}}
}

// newEnvoy starts an Envoy with a listener for each scenario.
func newEnvoy(t *testing.T, path string, scenarios []*scenario) *gateway {
	t.Helper()
	g := &gateway{name: "envoy", backend: newBackend(t), addresses: map[string]string{}}
	listeners := make([]object, len(scenarios))
	cert := newCertificate(t)
	for i, s := range scenarios {
		listeners[i] = envoyListener(s, cert)
	}
	g.process = envoyProcess(t, path, listeners, g.backend.address())
	g.process.start(t)
	g.findListeners(t)
	g.waitReady(t, scenarios)
	return g
}

func envoyProcess(t *testing.T, path string, listeners []object, backend string) *process {
	t.Helper()
	dir := t.TempDir()
	config := object{
		"admin": object{"address": socket("127.0.0.1:0")},
		"static_resources": object{"listeners": listeners, "clusters": []object{
			envoyCluster("backend", backend, object{}),
			envoyCluster("backend-h2", backend, object{"http2_protocol_options": object{}}),
			envoyCluster("refused", "127.0.0.1:1", object{}),
			envoyCluster("refused-h2", "127.0.0.1:1", object{"http2_protocol_options": object{}}),
		}},
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "envoy.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p := newProcess(path, "-c", file, "--concurrency", "1", "--use-dynamic-base-id", "--admin-address-path", filepath.Join(dir, "admin"),
		"--log-format", "%t %l %v", "-l", "warn", "--component-log-level", "wasm:info")
	p.cmd.Dir = dir
	p.parse = func(pid int, line string) (guestLine, bool) {
		g, ok := parseEnvoy(line)
		if strings.HasPrefix(line, strconv.Itoa(pid)+" ") {
			g.plugin = "" // the main thread has an instance of its own, which no request reaches
		}
		return g, ok
	}
	return p
}

// A line names the plugin, the root id and, last, the vm_id, which is the plugin's name here.
var envoyLine = regexp.MustCompile(`^(\d+) (\w+) wasm log (?:\S+ )*?(\S+): (.*)$`)

func parseEnvoy(line string) (guestLine, bool) {
	m := envoyLine.FindStringSubmatch(line)
	if m == nil {
		return guestLine{}, false
	}
	level := map[string]string{"warning": "warn", "critical": "error", "trace": "debug"}[m[2]]
	if level == "" {
		level = m[2]
	}
	return guestLine{plugin: m[3], level: level, text: m[4]}, true
}

func envoyCluster(name, address string, protocol object) object {
	if _, h2 := protocol["http2_protocol_options"]; !h2 {
		protocol["http_protocol_options"] = object{"enable_trailers": true}
	}
	return object{
		"name": name, "type": "STATIC", "connect_timeout": "5s",
		"load_assignment": object{"cluster_name": name, "endpoints": []object{{"lb_endpoints": []object{{"endpoint": object{"address": socket(address)}}}}}},
		"typed_extension_protocol_options": object{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions", object{"explicit_http_config": protocol})},
	}
}

func envoyListener(s *scenario, cert certificate) object {
	var filters []object
	for _, g := range s.Plugins {
		filters = append(filters, object{"name": g.name, "typed_config": envoyPlugin(g)})
	}
	filters = append(filters, object{"name": "router", "typed_config": typed("envoy.extensions.filters.http.router.v3.Router", object{"suppress_envoy_headers": true})})
	manager := typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", object{
		"stat_prefix": s.Name, "codec_type": "AUTO", "generate_request_id": false, "normalize_path": true, "merge_slashes": true,
		"server_header_transformation": "PASS_THROUGH", "http_protocol_options": object{"enable_trailers": true},
		"route_config": object{"name": s.Name, "virtual_hosts": []object{{
			"name": "all", "domains": []string{"*"},
			"routes": []object{{"name": s.Name, "match": object{"prefix": "/"}, "route": object{"cluster": s.Upstream}}},
		}}},
		"http_filters": filters,
	})
	chain := object{"filters": []object{{"name": "http", "typed_config": manager}}}
	listener := object{"name": s.Name, "address": socket("127.0.0.1:0"), "filter_chains": []object{chain}}
	envoySecurity(s.Protocol, cert, listener, chain, manager)
	return listener
}

// envoySecurity puts TLS or QUIC under a listener.
func envoySecurity(protocol string, cert certificate, listener, chain, manager object) {
	common := func(alpn string) object {
		return object{"alpn_protocols": []string{alpn}, "tls_certificates": []object{{
			"certificate_chain": object{"filename": cert.chain}, "private_key": object{"filename": cert.key},
		}}}
	}
	const tlsContext = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
	switch protocol {
	case "https":
		listener["listener_filters"] = []object{{"name": "names", "typed_config": typed("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector", object{})}}
		chain["transport_socket"] = object{"name": "tls", "typed_config": typed(tlsContext, object{"common_tls_context": common("h2")})}
	case "h3":
		chain["transport_socket"] = object{"name": "quic", "typed_config": typed("envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport",
			object{"downstream_tls_context": object{"common_tls_context": common("h3")}})}
		manager["codec_type"] = "HTTP3"
		listener["udp_listener_config"] = object{"quic_options": object{}}
		listener["address"].(object)["socket_address"].(object)["protocol"] = "UDP"
	}
}

func envoyPlugin(g guest) object {
	text := func(value string) object {
		return typed("google.protobuf.StringValue", object{"value": value})
	}
	policy := map[string]string{"": "FAIL_RELOAD", "reload": "FAIL_RELOAD", "closed": "FAIL_CLOSED", "open": "FAIL_OPEN"}[g.FailurePolicy]
	vm := object{"vm_id": g.name, "runtime": "envoy.wasm.runtime.v8", "code": object{"local": object{"filename": g.file}}}
	if g.VMConfig != "" {
		vm["configuration"] = text(g.VMConfig)
	}
	config := object{"name": g.name, "root_id": g.RootID, "vm_config": vm, "failure_policy": policy, "configuration": text(g.config())}
	if g.BodyUnderHead {
		config["allow_on_headers_stop_iteration"] = true
	}
	return typed("envoy.extensions.filters.http.wasm.v3.Wasm", object{"config": config})
}

// findListeners asks Envoy which ports the kernel gave its listeners.
func (g *gateway) findListeners(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); !g.askListeners(filepath.Join(g.process.cmd.Dir, "admin")); time.Sleep(20 * time.Millisecond) {
		if g.process.ended() || time.Now().After(deadline) {
			t.Fatalf("Envoy does not start:\n%s", g.process.tail())
		}
	}
}

func (g *gateway) askListeners(adminFile string) bool {
	admin, err := os.ReadFile(adminFile)
	if err != nil {
		return false
	}
	res, err := http.Get("http://" + string(admin) + "/listeners?format=json")
	if err != nil {
		return false
	}
	defer res.Body.Close()
	var answer struct {
		Statuses []struct {
			Name    string `json:"name"`
			Address struct {
				Socket struct {
					Port int `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return false
	}
	for _, l := range answer.Statuses {
		g.addresses[l.Name] = "127.0.0.1:" + strconv.Itoa(l.Address.Socket.Port)
	}
	return len(answer.Statuses) > 0
}
