package plugins_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

// What docs/plugins.md tells an author to do is done here, in an empty folder, and the plugin that comes of it is run.

func TestDocsGo(t *testing.T) {
	t.Parallel()
	testGreet(t, followDocs(t, "In Go"))
}

func TestDocsTypeScript(t *testing.T) {
	t.Parallel()
	needToolchain(t, "./build-ts.sh")
	testGreet(t, followDocs(t, "In TypeScript"))
}

// Every plugin that has something to show stands in the page's table.
func TestDocsListEveryPlugin(t *testing.T) {
	page, err := os.ReadFile("../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"*/go.mod", "*/*.wasm"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			name := filepath.Dir(file)
			row := "\n| [" + name + "](../plugins/" + name + "/README.md) |"
			if !strings.HasPrefix(name, "probe") && !strings.Contains(string(page), row) {
				t.Errorf("docs/plugins.md has no row for %s", name)
			}
		}
	}
}

// followDocs does what a section says: runs its shell blocks and writes the files that it shows, each behind a line with the
// name, in their order. It returns the module that was built.
func followDocs(t *testing.T, section string) []byte {
	t.Helper()
	folder := t.TempDir()
	run := exec.Command("bash", "-euo", "pipefail")
	run.Dir = folder
	run.Env = append(os.Environ(), "GOFLAGS=")
	run.Stdin = strings.NewReader(steps(t, section))
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("following %q: %v\n%s", section, err, out)
	}
	code, err := os.ReadFile(filepath.Join(folder, "greet", "greet.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// steps turns a section into a shell script.
func steps(t *testing.T, section string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(page), "\n## "+section+"\n")
	if !found {
		t.Fatalf("docs/plugins.md has no section %q", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)(?:`([^`\n]+)`:\n\n)?```([a-z]+)\n(.*?)```").FindAllStringSubmatch(text, -1) {
		switch name, language, body := block[1], block[2], block[3]; {
		case name != "":
			script.WriteString("mkdir -p $(dirname " + name + ")\ncat > " + name + " <<'END_OF_FILE'\n" + body + "END_OF_FILE\n")
		case language == "sh":
			script.WriteString(body)
		default:
			t.Errorf("section %q has a block of %s that is neither a file nor a command", section, language)
		}
	}
	return script.String()
}

// testGreet tests the plugin that every section builds.
func testGreet(t *testing.T, code []byte) {
	t.Helper()
	_, logs, err := open(t, plugin.Spec{Name: "greet", Code: code, Instances: 1})
	if err == nil || logs.FilterMessageSnippet("greet needs a configuration: the greeting").Len() == 0 {
		t.Errorf("without a configuration: %v, log %v", err, logs.All())
	}
	const greeting = "hello from the edge"
	p, logs, err := open(t, plugin.Spec{Name: "greet", Code: code, Config: greeting, Instances: 2})
	if err != nil {
		t.Fatal(err, logs.All())
	}
	server := serve(t, p, greeting, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "backend") })
	if a := get(t, server); a.status != http.StatusBadRequest || a.body != "who are you? send x-name\n" {
		t.Errorf("without x-name: %d %q", a.status, a.body)
	}
	if a := get(t, server, "X-Name", "ada"); a.status != http.StatusOK || a.body != "backend" || a.header.Get("X-Greeting") != greeting {
		t.Errorf("with x-name: %d %q %v", a.status, a.body, a.header)
	}
}
