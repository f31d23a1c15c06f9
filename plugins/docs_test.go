package plugins_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/guestbuild"
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

func TestDocsC(t *testing.T) {
	t.Parallel()
	needToolchain(t, "./build-c.sh")
	if _, err := exec.LookPath("clang-19"); err != nil {
		const missing = "not run here: the page's plugin in C (clang-19 is missing)"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	testGreet(t, followDocs(t, "In C"))
}

// The page's way to build in Rust is rustup's; build-rust.sh finds the one of this machine.
func TestDocsRust(t *testing.T) {
	t.Parallel()
	needToolchain(t, "./build-rust.sh")
	plugins, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	testGreet(t, followDocs(t, "In Rust", `
plugins='`+plugins+`'
rustup() { :; }
cargo() {
	if [ "$1" != build ]; then command cargo "$@"; return; fi
	command cargo generate-lockfile
	# As the other plugins: the standard library is not built once more for this one.
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 "$plugins/build-rust.sh" "$(realpath --relative-to "$plugins" .)" target/wasm32-wasip1/release/greet.wasm
}
`))
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

// followDocs builds the plugin of a section.
func followDocs(t *testing.T, section string, before ...string) []byte {
	t.Helper()
	return guestbuild.Docs(t, "../docs/plugins.md", section, before...)
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
