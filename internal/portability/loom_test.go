package portability

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/loom-gateway/loom/internal/freeport"
)

// newLoom starts a Loom with a route for each scenario.
func newLoom(t *testing.T, path string, scenarios []*scenario) *gateway {
	t.Helper()
	g := &gateway{name: "loom", backend: newBackend(t), addresses: map[string]string{}}
	address, secure := freeport.Address(t), freeport.Address(t)
	dir := loomFolder(t, [2]string{address, secure}, g.backend.address(), scenarios)
	g.process = loomProcess(t, path, dir, "run", "--config", "loom.yaml")
	g.process.start(t)
	for _, s := range scenarios {
		if g.addresses[s.Name] = address; s.secure() {
			g.addresses[s.Name] = secure
		}
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			break
		}
		if g.process.ended() || time.Now().After(deadline) {
			t.Fatalf("Loom does not start:\n%s", g.process.tail())
		}
	}
	g.waitReady(t, scenarios)
	return g
}

// loomProcess is a Loom whose home is where its binary is, so that all of them find what the first has compiled.
func loomProcess(t *testing.T, path, dir string, args ...string) *process {
	t.Helper()
	p := newProcess(path, args...)
	home := filepath.Dir(path)
	p.cmd.Dir = dir
	p.cmd.Env = append(p.cmd.Env, "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "CADDY_ADMIN="+freeport.Address(t))
	p.parse = func(_ int, line string) (guestLine, bool) { return parseLoom(line) }
	return p
}

// parseLoom tells what a guest logged from what Loom logs about it.
func parseLoom(line string) (guestLine, bool) {
	var entry struct {
		Level, Msg, Plugin, Error string
	}
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Plugin == "" || entry.Error != "" || entry.Msg == "plugin instance replaced" {
		return guestLine{}, false
	}
	return guestLine{plugin: entry.Plugin, level: entry.Level, text: entry.Msg}, true
}

// loomFolder writes a loom.yaml with two listeners, the second one with TLS.
func loomFolder(t *testing.T, addresses [2]string, backend string, scenarios []*scenario) string {
	t.Helper()
	cert := newCertificate(t)
	var routes, plugins []object
	for _, s := range scenarios {
		var names []string
		for _, g := range s.Plugins {
			names = append(names, g.name)
			plugins = append(plugins, loomPlugin(g))
		}
		routes = append(routes, object{"id": s.Name, "hosts": []string{s.host()}, "path": "/*", "upstream": s.Upstream, "plugins": names})
	}
	text, err := yaml.Marshal(object{
		"listeners": []object{
			{"address": addresses[0], "protocol": "h2c"},
			{"address": addresses[1], "protocol": "https", "tls": object{"cert": cert.chain, "key": cert.key}},
		},
		"routes": routes, "plugins": plugins,
		"upstreams": []object{
			{"name": "backend", "endpoints": []string{backend}},
			{"name": "backend-h2", "endpoints": []string{backend}, "protocol": "h2c"},
			{"name": "refused", "endpoints": []string{"127.0.0.1:1"}},
			{"name": "refused-h2", "endpoints": []string{"127.0.0.1:1"}, "protocol": "h2c"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "loom.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func loomPlugin(g guest) object {
	plugin := object{"name": g.name, "path": g.file, "config": g.config(), "instances": 1}
	for key, value := range map[string]string{"profile": g.Profile, "vm_config": g.VMConfig, "root_id": g.RootID, "failure_policy": g.FailurePolicy} {
		if value != "" {
			plugin[key] = value
		}
	}
	if g.BodyUnderHead {
		plugin["allow_on_headers_stop_iteration"] = true
	}
	return plugin
}
