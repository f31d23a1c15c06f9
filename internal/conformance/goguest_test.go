package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

// goGuest builds a guest of the official Go SDK from testdata; it needs nothing but Go.
func goGuest(t *testing.T, name string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-buildmode=c-shared", "-o", file, ".")
	cmd.Dir = filepath.Join("testdata", name)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the guest: %v\n%s", err, out)
	}
	return readFile(t, file)
}

// goSDKBodies is B-16.
func goSDKBodies(t *testing.T) {
	code := goGuest(t, "gobodies")
	for edit, want := range map[string]string{"append": "abc-go-", "prepend": "-go-abc", "replace": "-go-"} {
		g := serve(t, setup{plugins: []plugin.Spec{{Name: "gobodies", Code: code, Config: edit, Instances: 1}}, backend: readingBackend})
		a := g.do(t, "POST", "/", strings.NewReader("abc"))
		sent := "length=" + map[bool]string{true: "4 ", false: "7 "}[edit == "replace"] + want
		answer := map[string]string{"append": sent + "-go-", "prepend": "-go-" + sent, "replace": "-go-"}[edit]
		if a.body != answer {
			t.Errorf("%s: %q, want %q", edit, a.body, answer)
		}
	}
}
