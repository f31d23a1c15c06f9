// Package guestbuild builds guests for tests, as the docs tell authors to build theirs.
package guestbuild

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Go compiles the plugin in a folder, which is a Go module of its own, in the way that the docs say, with these flags besides.
func Go(t testing.TB, folder string, flags ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guest.wasm")
	args := append([]string{"build", "-ldflags=-s -w", "-trimpath", "-buildmode=c-shared", "-o", file}, flags...)
	build := exec.CommandContext(t.Context(), "go", append(args, ".")...)
	build.Dir = folder
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", folder, err, out)
	}
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return code
}
