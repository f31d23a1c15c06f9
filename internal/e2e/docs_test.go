package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/freeport"
	"github.com/loom-gateway/loom/internal/guestbuild"
)

// TestDocsPlugin takes the plugin of docs/plugins.md into the gateway as the page says.
func TestDocsPlugin(t *testing.T) {
	t.Parallel()
	const page, section = "../../docs/plugins.md", "Into the gateway"
	folder, port := t.TempDir(), freeport.Port(t)
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

// TestDocsDebug asks for the debug header as docs/debugging.md says.
func TestDocsDebug(t *testing.T) {
	t.Parallel()
	const page, section, key = "../../docs/debugging.md", "The debug header", "a key of more than sixteen bytes"
	folder, port := t.TempDir(), freeport.Port(t)
	here := strings.NewReplacer("localhost:8080", "127.0.0.1:"+port, ":8080", ":"+port)
	write(t, filepath.Join(folder, "loom.yaml"), here.Replace(guestbuild.DocsFile(t, page, section, "loom.yaml")))
	env := environment(t, "LOOM_DEBUG_KEY="+key)
	start(t, folder, env, port, "-config", "loom.yaml")
	for _, script := range []string{"ask.sh", "sign.sh"} {
		cmd := exec.Command("sh", "-c", here.Replace(guestbuild.DocsFile(t, page, section, script)))
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), `Loom-Debug-Plugin: "rate-limit";phase=on_request_headers;verdict=continue;us=`) {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}
