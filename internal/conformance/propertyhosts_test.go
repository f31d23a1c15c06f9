package conformance

import (
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

// otherHostsProperties are the names and forms that plugins of other hosts rely on.
func otherHostsProperties(s *suite) {
	s.check("A-23", 2, "Higress' names are accepted; the buffer limits take effect, x_request_id and plugin_vm_memory are readable", func(t *testing.T) {
		script := lines(
			`request_headers: setprop clear_route_cache on; setprop trace_span_tag.user bob; setprop wasm_need_rebuild true; prop x_request_id; prop plugin_vm_memory`,
		)
		g := serve(t, setup{plugins: []plugin.Spec{probe(script)}})
		g.do(t, "GET", "/", nil, "X-Request-Id", "id-7")
		g.ended(t, 1)
		g.want(t, "  setprop clear_route_cache on -> 0", "  setprop trace_span_tag.user bob -> 0", "  setprop wasm_need_rebuild true -> 0")
		g.wantText(t, map[string]string{"x_request_id": "id-7"})
		if memory := g.number(t, "plugin_vm_memory"); memory < 64<<10 || memory%(64<<10) != 0 {
			t.Errorf("plugin_vm_memory is %d", memory)
		}
		t.Run("limits", bufferLimits)
	})
	s.check("A-24", 3, "APISIX' switches for bodies are accepted", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: setprop wasm_process_req_body true; setprop wasm_process_resp_body true",
			func(s *plugin.Spec) { s.Profile = "apisix" })}})
		g.do(t, "GET", "/", nil)
		g.ended(t, 1)
		g.want(t, "  setprop wasm_process_req_body true -> 0", "  setprop wasm_process_resp_body true -> 0")
	})
	s.check("A-25", 3, "with the profile kong properties are text, addresses are bare, and ngx.* are Caddy's placeholders", func(t *testing.T) {
		names := []string{
			"request|size", "connection|mtls", "source|address", "source|port", "ngx|remote_addr", "ngx.request_method", "ngx|http_x_a",
			"ngx|arg_q", "ngx.nothing", "wasmx.mine", "ngx.mine",
		}
		g := start(t, pluginMap(t, map[string]string{"p": "request_headers: setprop wasmx.mine 1; setprop ngx.mine 2; prop " + strings.Join(names, "; prop ") + "; prop request|time"},
			map[string]string{"p": `, "profile": "kong"`}), routed(plaintext, wasm("p")))
		g.get(t, "/?q=7", "X-A", "1")
		log := g.ended(t, "p", 1)
		wantProperties(t, log, map[string]string{
			"request|size": "0", "connection|mtls": "false", "source|address": "127.0.0.1", "ngx|remote_addr": "127.0.0.1",
			"ngx.request_method": "GET", "ngx|http_x_a": "1", "ngx|arg_q": "7", "ngx.nothing": "-", "wasmx.mine": "1", "ngx.mine": "2",
		})
		if at := string(answersOf(t, log, "request|time")[0].value); len(at) != len("1700000000.123") || at[10] != '.' {
			t.Errorf("request.time is %q", at)
		}
	})
}

// bufferLimits: a plugin holds more than its limit, or less, as it has asked for.
func bufferLimits(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		status int
	}{
		"the plugin's limit":   {"request_body@eos: return 0\nrequest_body: return 1", 413},
		"a higher one":         {"request_headers: setprop set_decoder_buffer_limit 200000\nrequest_body@eos: return 0\nrequest_body: return 1", 200},
		"no number":            {"request_headers: setprop set_decoder_buffer_limit much\nrequest_body@eos: return 0\nrequest_body: return 1", 413},
		"a response over it":   {"response_body@eos: return 0\nresponse_body: return 1", 500},
		"a response within it": {"request_headers: setprop set_encoder_buffer_limit 200000\nresponse_body@eos: return 0\nresponse_body: return 1", 200},
	} {
		body := strings.Repeat("x", 100_000)
		g := serve(t, setup{plugins: []plugin.Spec{probe(c.script, func(s *plugin.Spec) { s.BodyLimit = 20_000 })}})
		if a := g.do(t, "POST", "/", strings.NewReader(body)); a.status != c.status || (c.status == 200 && !strings.HasSuffix(a.body, body)) {
			t.Errorf("%s: status %d, %d bytes", name, a.status, len(a.body))
		}
	}
}
