package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// root is the repository.
var root = func() string {
	path, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return path
}()

// skip leaves a test out where something is missing that `.ci/setup` installs; in CI that is a failure.
func skip(t *testing.T, notRun string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("not run: " + notRun)
	}
	t.Skip("not run: " + notRun)
}

// need finds a program.
func need(t *testing.T, program, notRun string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		skip(t, notRun+" ("+program+" is missing)")
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// eventually asks until the answer is yes, for a minute: the machine may be busy.
func eventually(yes func() bool) bool {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if yes() {
			return true
		}
	}
	return false
}
