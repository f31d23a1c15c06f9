package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/proxy"
	_ "github.com/loom-gateway/loom/modules/router"
	_ "github.com/loom-gateway/loom/modules/wasmfilter"
)

// loomGateway is the gateway as users run it: Caddy with Loom's modules, for what only they know.
type loomGateway struct{ *moduletest.Caddy }

// plaintext is a server on a port of its own.
const plaintext = `"listen": ["127.0.0.1:0"], "protocols": ["h1", "h2c"], "automatic_https": {"disable": true}`

// pluginMap is the loom app's map of plugins: names with their scripts, and more of its JSON by name.
func pluginMap(t *testing.T, scripts map[string]string, more map[string]string) string {
	t.Helper()
	path, err := filepath.Abs("../../plugins/probe/probe.wasm")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for name, script := range scripts {
		list = append(list, fmt.Sprintf(`%q: {"path": %s, "instances": 1, "config": %s%s}`,
			name, moduletest.Quote(path), moduletest.Quote(script), more[name]))
	}
	return `"plugins": {` + strings.Join(list, ",") + `}`
}

// wasm is the handler of plugins.
func wasm(names ...string) string {
	var list []string
	for _, name := range names {
		list = append(list, fmt.Sprintf(`{"name": %q}`, name))
	}
	return `{"handler": "loom_wasm", "plugins": [` + strings.Join(list, ",") + `]}`
}

// routed is a server whose requests go through handlers.
func routed(server string, handlers ...string) string {
	return `{` + server + `, "routes": [{"handle": [` + strings.Join(handlers, ",") + `]}]}`
}

// start starts the gateway.
func start(t *testing.T, loom, server string) *loomGateway {
	t.Helper()
	return &loomGateway{moduletest.Provision(t, moduletest.Server(`{`+loom+`}`, server)).Start()}
}

// get sends a request over HTTP/1.1.
func (g *loomGateway) get(t *testing.T, path string, header ...string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, g.URL("")+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport, Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// log lists what the probes of a plugin wrote, without the prefix.
func (g *loomGateway) log(t *testing.T, plugin string) []string {
	t.Helper()
	var list []string
	for lines := bufio.NewScanner(strings.NewReader(g.Logs())); lines.Scan(); {
		var entry struct{ Msg, Plugin string }
		if json.Unmarshal(lines.Bytes(), &entry) != nil || entry.Plugin != plugin {
			continue
		}
		if line, ok := strings.CutPrefix(entry.Msg, "probe: "); ok {
			list = append(list, line)
		}
	}
	return list
}

// ended waits until a plugin has seen the end of n streams, and returns its log.
func (g *loomGateway) ended(t *testing.T, plugin string, n int) []string {
	t.Helper()
	var lines []string
	eventually(t, "the end of the stream in the log of plugin "+plugin, func() bool {
		lines = g.log(t, plugin)
		return strings.Count(strings.Join(lines, "\n"), "> delete ") >= n
	})
	return lines
}

// wantProperties compares the last answers with texts; "-" stands for NOT_FOUND.
func wantProperties(t *testing.T, lines []string, want map[string]string) {
	t.Helper()
	for path, text := range want {
		list := answersOf(t, lines, path)
		if len(list) == 0 {
			t.Errorf("%s was not asked for", path)
			continue
		}
		got := list[len(list)-1]
		if text == "-" && got.status == "1" || text != "-" && got.status == "0" && string(got.value) == text {
			continue
		}
		t.Errorf("%s: status %s, %q; want %q", path, got.status, got.value, text)
	}
}
