package conformance

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

func setProperties(s *suite) {
	s.check("A-20", 1, "what a plugin has set is read in later callbacks and by later plugins, byte for byte, and by no other stream", func(t *testing.T) {
		first := probe(lines(`request_headers: get 0 x-set; setprop mine $val`, asks("response_headers", "mine", "filter_state|wasm.mine"), asks("log", "mine")),
			func(s *plugin.Spec) { s.Name = "first" })
		second := probe(asks("request_headers", "mine", "filter_state|wasm.mine"), func(s *plugin.Spec) { s.Name = "second" })
		g := serve(t, setup{plugins: []plugin.Spec{first, second}})
		value := "\x80 \xff"
		g.do(t, "GET", "/", nil, "X-Set", value)
		g.ended(t, 1)
		for _, path := range []string{"mine", "filter_state|wasm.mine"} {
			list := answersOf(t, g.log(), path)
			if len(list) < 2 || slices.ContainsFunc(list, func(a answered) bool { return a.status != "0" || string(a.value) != value }) {
				t.Errorf("%s: %q", path, list)
			}
		}
		t.Run("another stream", func(t *testing.T) {
			g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: prop mine; setprop mine 1; prop mine")}})
			g.do(t, "GET", "/", nil)
			g.do(t, "GET", "/", nil)
			g.ended(t, 2)
			var got []string
			for _, a := range answersOf(t, g.log(), "mine") {
				got = append(got, a.status)
			}
			if !slices.Equal(got, []string{"1", "0", "1", "0"}) {
				t.Errorf("two streams read %q", got)
			}
		})
	})
	s.check("A-21", 1, "a plugin may set properties outside of a stream, for itself", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines("configure: setprop mine root; prop mine", "request_headers: prop mine; effective $root; prop mine"))}})
		g.do(t, "GET", "/", nil)
		g.ended(t, 1)
		g.want(t, "  setprop mine root -> 0")
		var got []string
		for _, a := range answersOf(t, g.log(), "mine") {
			got = append(got, a.status+string(a.value))
		}
		if !slices.Equal(got, []string{"0root", "1", "0root"}) {
			t.Errorf("mine in configure, in the stream, and in the root again: %q", got)
		}
	})
	s.check("A-22", 2, "setting a built-in property is OK, and it stays what it was", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: setprop request|path /other; prop request|path; setprop plugin_name x; prop plugin_name")}})
		if a := g.do(t, "GET", "/own", nil); !strings.Contains(a.body, "GET /own ") {
			t.Errorf("the backend got %q", a.body)
		}
		g.ended(t, 1)
		g.want(t, "  setprop request|path /other -> 0", "  setprop plugin_name x -> 0")
		g.wantText(t, map[string]string{"request|path": "/own", "plugin_name": "probe"})
	})
	s.check("A-26", 2, "what plugins have set is a placeholder {http.wasm.NAME} of Caddy", func(t *testing.T) {
		g := start(t, pluginMap(t, map[string]string{"p": "request_headers: setprop user bob; setprop a|b 2"}, nil),
			routed(plaintext, wasm("p"), `{"handler": "static_response", "body": "{http.wasm.user} {http.wasm.a.b}"}`))
		if got := g.get(t, "/"); got != "bob 2" {
			t.Errorf("the client got %q", got)
		}
	})
	s.check("A-27", 1, "properties of a stream whose client is gone, asked from a tick, from other callbacks and at the end, are safe", abandonedStreams)
}

// abandonedStreams: ticks ask for properties of the last stream while clients go away; the race detector watches.
func abandonedStreams(t *testing.T) {
	paths := []string{
		"request|path", "request|headers", "request|size", "response|code", "response|headers", "source|address", "connection|id",
		"upstream|address", "request|id", "metadata|filter_metadata|caddy|x",
	}
	script := lines(
		"vm_start: tick 10",
		"tick: effective $stream; setprop mine 1; prop "+strings.Join(paths, "; prop "),
		"request_headers: get 0 x-hold; return $val",
		asks("response_headers", paths...), asks("log", paths...),
	)
	g := serve(t, setup{
		plugins: []plugin.Spec{probe(script)},
		backend: func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("X-Later", "1")
			_, _ = io.Copy(w, r.Body)
		},
	})
	const clients = 20
	for i := range clients {
		conn := g.dial(t)
		request := "GET / HTTP/1.1\r\nHost: a\r\nX-Hold: 1\r\n\r\n" // it goes away while the plugin holds its request
		if i%2 == 0 {
			request = "POST / HTTP/1.1\r\nHost: a\r\nX-Hold: 0\r\nContent-Length: 10\r\n\r\n12345" // or in its body
		}
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		g.await(t, i+1, "> request_headers")
		_ = conn.Close()
		g.await(t, i+1, "> delete")
	}
	g.await(t, 1, "> tick")
	for _, line := range g.log() {
		if strings.HasPrefix(line, "  effective ") && !strings.HasSuffix(line, "-> 0") && !strings.HasSuffix(line, "-> 2") {
			t.Errorf("%q", line)
		}
	}
}
