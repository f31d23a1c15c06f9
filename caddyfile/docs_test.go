package caddyfile_test

import (
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/loom-gateway/loom/caddyfile"
	_ "github.com/loom-gateway/loom/modules/router"
	_ "github.com/loom-gateway/loom/modules/selection"
)

// Every Caddyfile in the docs must adapt as it stands, and every syntax in the sources must stand in the docs.
func TestExamplesInTheDocs(t *testing.T) {
	adapter := caddyconfig.GetAdapter("caddyfile")
	for path, least := range map[string]int{"../docs/caddyfile.md": 2, "../docs/middleware.md": 1, "../docs/rate-limit.md": 1, "../README.md": 1, "../docs/upstreams.md": 2} {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		blocks := strings.Split(string(page), "```caddyfile\n")[1:]
		if len(blocks) < least {
			t.Errorf("%s has %d examples", path, len(blocks))
		}
		for i, block := range blocks {
			body, _, _ := strings.Cut(block, "```")
			if _, _, err := adapter.Adapt([]byte(body), map[string]any{"filename": "Caddyfile"}); err != nil {
				t.Errorf("%s, example %d: %v", path, i+1, err)
			}
		}
	}
}

func TestDocsHaveTheSyntax(t *testing.T) {
	page, err := os.ReadFile("../docs/caddyfile.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"plugin.go", "upstream.go", "upstream_health.go", "router.go", "route.go", "wasm.go", "proxy.go", "debug.go", "middleware.go", "ratelimit.go"} {
		code, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(code)) {
			if syntax, ok := strings.CutPrefix(line, "//\t"); ok && !strings.Contains(string(page), syntax) {
				t.Errorf("%s: docs/caddyfile.md lacks %q", source, syntax)
			}
		}
	}
}
