package conformance

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/loom-gateway/loom/internal/plugin"
)

// assemblyScriptPlugins are guests of G-Core's SDK. Its npm package has no examples in it, so hello-world is our own.
func assemblyScriptPlugins(s *suite) {
	s.check("Y-10", 2, "AssemblyScript guests run: hello world, an id for every request; a throw says its message (env.abort)", func(t *testing.T) {
		t.Run("hello world", helloAssemblyScript)
		t.Run("request-id", func(t *testing.T) {
			g := serve(t, setup{plugins: []plugin.Spec{{Name: "request-id", Instances: 1, Code: readFile(t, "../../plugins/request-id/request-id.wasm")}}})
			if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusOK || len(a.header.Get("X-Request-Id")) != 36 {
				t.Errorf("%d %v", a.status, a.header)
			}
		})
		t.Run("abort", abortAssemblyScript)
	})
}

func helloAssemblyScript(t *testing.T) {
	for config, want := range map[string]string{"": "world!", "moon": "moon"} {
		g := serve(t, setup{plugins: []plugin.Spec{{Name: "hello", Instances: 1, Config: config, Code: raw(t, "abort-ts")}}})
		a := g.do(t, http.MethodPost, "/p", strings.NewReader("body"))
		if a.header.Get("Hello") != want || !strings.Contains(a.body, `x-a=["hello"]`) || !strings.HasSuffix(a.body, "body=body") {
			t.Errorf("configuration %q: %d %v %q", config, a.status, a.header, a.body)
		}
	}
}

func abortAssemblyScript(t *testing.T) {
	g := serve(t, setup{plugins: []plugin.Spec{{Name: "hello", Instances: 1, Code: raw(t, "abort-ts")}}})
	if a := g.do(t, http.MethodGet, "/throw", nil); a.status != http.StatusServiceUnavailable {
		t.Errorf("%d %q", a.status, a.body)
	}
	for _, e := range g.logs.All() {
		if e.Level >= zapcore.ErrorLevel && strings.Contains(e.Message, "the path asks for it") && strings.Contains(e.Message, "assembly/index.ts") {
			return
		}
	}
	t.Errorf("the log does not say what was thrown, and where: %v", g.logs.All())
}
