package caddyfile

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/loom-gateway/loom/modules/listener"
)

var update = flag.Bool("update", false, "rewrite the expected part of the golden files")

const divider = "----------\n"

// TestGolden adapts the first part of each file and compares with the second: JSON, or an error.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden file was found: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			input, want := splitGolden(t, file)
			got := adapted(input)
			if again := adapted(input); again != got {
				t.Errorf("the same Caddyfile was adapted differently a second time:\n%s", again)
			}
			if *update {
				writeGolden(t, file, input, got)
				return
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestGoldenLoads provisions what the golden files adapt to. Plugins that are named by a file are not there.
func TestGoldenLoads(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.caddyfiletest")
	loaded := 0
	for _, file := range files {
		_, want := splitGolden(t, file)
		if !strings.HasPrefix(want, "{") || strings.Contains(want, ".wasm") {
			continue
		}
		loaded++
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			var config caddy.Config
			if err := json.Unmarshal([]byte(want), &config); err != nil {
				t.Fatal(err)
			}
			if err := caddy.Validate(&config); err != nil {
				t.Error(err)
			}
		})
	}
	if loaded == 0 {
		t.Error("no golden file was loaded")
	}
}

// adapted returns the JSON of a Caddyfile, or the error it gives.
func adapted(input string) string {
	result, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return err.Error() + "\n"
	}
	var text bytes.Buffer
	if err := json.Indent(&text, result, "", "\t"); err != nil {
		return err.Error() + "\n"
	}
	text.WriteByte('\n')
	for _, warning := range warnings {
		text.WriteString("warning: " + warning.String() + "\n")
	}
	return text.String()
}

func splitGolden(t *testing.T, file string) (input, want string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	input, want, found := strings.Cut(string(content), divider)
	if !found && !*update {
		t.Fatalf("%s has no line of %d dashes", file, len(divider)-1)
	}
	return input, want
}

func writeGolden(t *testing.T, file, input, got string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(input+divider+got), 0o644); err != nil {
		t.Fatal(err)
	}
}
