package plugins_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// buildGo compiles a plugin that is written in Go, as its README says.
func buildGo(t *testing.T, folder string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guest.wasm")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-trimpath", "-buildmode=c-shared", "-o", file, ".")
	build.Dir = folder
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", folder, err, out)
	}
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return code
}
