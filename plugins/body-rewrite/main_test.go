package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/proxytest"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// These run natively, against the SDK's emulated host; plugins/bodyrewrite_test.go runs the real module in Loom.

func start(t *testing.T, document string) (proxytest.HostEmulator, types.OnPluginStartStatus) {
	t.Helper()
	options := proxytest.NewEmulatorOption().
		WithPluginContext(func(uint32) types.PluginContext { return &plugin{} }).
		WithPluginConfiguration([]byte(document))
	host, reset := proxytest.NewHostEmulator(options)
	t.Cleanup(reset)
	return host, host.StartPlugin()
}

const both = `{
	"request":  {"rules": [{"text": "colour", "with": "color"}], "max_bytes": 20},
	"response": {"rules": [{"regexp": "id=(\\d+)", "with": "<$1>"}, {"text": "<7>", "with": "seven"}]}
}`

func TestWholeBodies(t *testing.T) {
	host, status := start(t, both)
	if status != types.OnPluginStartStatusOK {
		t.Fatal("the configuration was refused:", host.GetErrorLogs())
	}
	id := host.InitializeHttpContext()
	head := [][2]string{{"content-type", "text/plain; charset=utf-8"}, {"content-length", "10"}, {"accept-encoding", "gzip"}}
	host.CallOnRequestHeaders(id, head, false)
	for _, pair := range host.GetCurrentRequestHeaders(id) {
		if pair[0] != "content-type" {
			t.Errorf("the request still has %q", pair)
		}
	}
	if action := host.CallOnRequestBody(id, []byte("my col"), false); action != types.ActionPause {
		t.Error("half a body is let through")
	}
	if action := host.CallOnRequestBody(id, []byte("our"), true); action != types.ActionContinue {
		t.Error("the whole body is held")
	}
	if got := string(host.GetCurrentRequestBody(id)); got != "my color" {
		t.Errorf("the request body is %q", got)
	}
	host.CallOnResponseHeaders(id, [][2]string{{":status", "200"}, {"content-type", "application/json"}}, false)
	host.CallOnResponseBody(id, []byte("id=6 id="), false)
	host.CallOnResponseBody(id, []byte("7"), false)
	host.CallOnResponseTrailers(id, [][2]string{{"grpc-status", "0"}})
	if got := string(host.GetCurrentResponseBody(id)); got != "<6> seven" {
		t.Errorf("the response body before trailers is %q", got)
	}
}

func TestWhatPassesUntouched(t *testing.T) {
	for name, c := range map[string]struct {
		head   [][2]string
		chunks []string
	}{
		"a length over max_bytes": {[][2]string{{"content-type", "text/plain"}, {"content-length", "21"}}, []string{"colour"}},
		"too long without length": {[][2]string{{"content-type", "text/plain"}}, []string{"colour", strings.Repeat("colour", 4)}},
		"another content type":    {[][2]string{{"content-type", "image/png"}}, []string{"colour"}},
		"no content type":         {nil, []string{"colour"}},
		"a compressed body":       {[][2]string{{"content-type", "text/plain"}, {"content-encoding", "gzip"}}, []string{"colour"}},
	} {
		t.Run(name, func(t *testing.T) {
			host, _ := start(t, both)
			id := host.InitializeHttpContext()
			host.CallOnRequestHeaders(id, slices.Clone(c.head), false)
			var action types.Action
			for i, chunk := range c.chunks {
				action = host.CallOnRequestBody(id, []byte(chunk), i == len(c.chunks)-1)
			}
			if got := string(host.GetCurrentRequestBody(id)); action != types.ActionContinue || strings.Contains(got, "color") {
				t.Errorf("%v %q", action, got)
			}
		})
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for document, want := range map[string]string{
		``:                             "an example:",
		`{}`:                           "rewrites nothing",
		`{"respons": {}}`:              `unknown field "respons"`,
		`{"request": {}}`:              "request has no rules",
		`{"request": {"rules": [{}]}}`: "rule 1: write either text or regexp",
		`{"request": {"rules": [{"text": "a", "regexp": "b"}]}}`:           "rule 1: write either text or regexp",
		`{"response": {"rules": [{"text": "a"}, {"regexp": "("}]}}`:        "response: rule 2: error parsing regexp",
		`{"response": {"rules": [{"text": "a"}], "max_bytes": -1}}`:        "max_bytes is -1",
		`{"response": {"rules": [{"text": "a"}], "content_types": ["["]}}`: "syntax error in pattern",
		`{"response": {"rules": [{"text": "a"}]}} {}`:                      "something behind the document",
		`{"response": {"rules": [{"text": 1}]}}`:                           "cannot unmarshal number",
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
