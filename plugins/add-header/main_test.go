package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/proxytest"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// These run natively, against the SDK's emulated host; plugins/plugins_test.go runs the real module in Loom.

func start(t *testing.T, document string) (proxytest.HostEmulator, types.OnPluginStartStatus) {
	t.Helper()
	options := proxytest.NewEmulatorOption().
		WithPluginContext(func(uint32) types.PluginContext { return &plugin{} }).
		WithPluginConfiguration([]byte(document))
	host, reset := proxytest.NewHostEmulator(options)
	t.Cleanup(reset)
	return host, host.StartPlugin()
}

func TestHeaders(t *testing.T) {
	const document = `{
		"request":  {"set": {"x-team": "blue"}, "remove": ["cookie"]},
		"response": {"add": {"set-cookie": ["a=1", "b=2"]}, "set": {"server": "loom"}, "remove": ["x-debug"]}
	}`
	host, status := start(t, document)
	if status != types.OnPluginStartStatusOK {
		t.Fatal("the configuration was refused:", host.GetErrorLogs())
	}
	id := host.InitializeHttpContext()
	host.CallOnRequestHeaders(id, [][2]string{{":path", "/"}, {"cookie", "k=v"}, {"x-team", "red"}}, true)
	host.CallOnResponseHeaders(id, [][2]string{{":status", "200"}, {"server", "nginx"}, {"x-debug", "1"}}, true)

	request := host.GetCurrentRequestHeaders(id)
	want := [][2]string{{":path", "/"}, {"x-team", "blue"}}
	if !slices.Equal(request, want) {
		t.Errorf("request headers are %q, want %q", request, want)
	}
	response := host.GetCurrentResponseHeaders(id)
	for _, pair := range [][2]string{{"server", "loom"}, {"set-cookie", "a=1b=2"}} {
		// The emulator joins added values; a real gateway keeps them apart.
		if !slices.Contains(response, pair) {
			t.Errorf("response headers are %q, want %q among them", response, pair)
		}
	}
	if slices.ContainsFunc(response, func(p [2]string) bool { return p[0] == "x-debug" }) {
		t.Errorf("response headers are %q, x-debug should be gone", response)
	}
}

func TestWithoutConfiguration(t *testing.T) {
	host, status := start(t, "")
	if status != types.OnPluginStartStatusOK {
		t.Fatal("no configuration was refused")
	}
	id := host.InitializeHttpContext()
	host.CallOnResponseHeaders(id, [][2]string{{":status", "200"}}, true)
	if got := host.GetCurrentResponseHeaders(id); !slices.Contains(got, [2]string{"x-plugin", "add-header"}) {
		t.Errorf("response headers are %q", got)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for document, want := range map[string]string{
		`{"respons": {}}`:                   `unknown field "respons"`,
		`{"response": {"sets": {}}}`:        `unknown field "sets"`,
		`{"response": {"set": {"a": 1}}}`:   "cannot unmarshal number",
		`{"response": {"add": {"a": [1]}}}`: "cannot unmarshal number",
		`{"request": {"remove": [""]}}`:     "request: a header has no name",
		`response: {}`:                      "invalid character",
		`{} {}`:                             "something behind the document",
	} {
		t.Run(document, func(t *testing.T) {
			host, status := start(t, document)
			logs := strings.Join(host.GetErrorLogs(), "\n")
			if status != types.OnPluginStartStatusFailed || !strings.Contains(logs, want) {
				t.Errorf("status %v, log %q, want a refusal that says %q", status, logs, want)
			}
		})
	}
}
