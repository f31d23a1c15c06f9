package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/guestbuild"
)

// TestDocsPlugin takes the plugin of docs/plugins.md into the gateway as the page says.
func TestDocsPlugin(t *testing.T) {
	t.Parallel()
	const page, section = "../../docs/plugins.md", "Into the gateway"
	folder, port := t.TempDir(), freePort(t)
	if err := os.WriteFile(filepath.Join(folder, "greet.wasm"), guestbuild.Docs(t, page, "In Go"), 0o600); err != nil {
		t.Fatal(err)
	}
	document := guestbuild.DocsFile(t, page, section, "loom.yaml")
	write(t, filepath.Join(folder, "loom.yaml"), strings.NewReplacer(":8080", ":"+port, "localhost:3000", backend(t)).Replace(document))
	env := environment(t)
	if out, status := run(t, folder, env, "validate", "--config", "loom.yaml"); status != 0 {
		t.Fatal(out)
	}
	start(t, folder, env, port, "-config", "loom.yaml")
	check(t, "http://127.0.0.1:"+port, "GET / -> 400 | who are you? send x-name\nGET / | X-Name: ada -> 200 | X-Greeting: hello from the edge")
}
