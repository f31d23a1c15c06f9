package conformance

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	assembler = "../../plugins/build-wat.sh"
	// exitNoToolchain is what the build scripts answer when there is nothing to build with.
	exitNoToolchain = 3
)

// TestRawGuests builds the guests of testdata again: the committed modules are what their texts say.
func TestRawGuests(t *testing.T) {
	needAssembler(t)
	texts, err := filepath.Glob("testdata/*.wat")
	if err != nil || len(texts) == 0 {
		t.Fatalf("no guests in testdata: %v", err)
	}
	for _, text := range texts {
		module := strings.TrimSuffix(text, ".wat") + ".wasm"
		if !bytes.Equal(assemble(t, text), readFile(t, module)) {
			t.Errorf("%s is not what %s says: run `make wasm` and commit it", module, text)
		}
	}
}

// needAssembler skips the test where there is no wat2wasm; CI has one.
func needAssembler(t *testing.T) {
	t.Helper()
	how, err := exec.Command(assembler, "--how").CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == exitNoToolchain && os.Getenv("CI") != "true" {
		t.Skipf("not run here: %s", bytes.TrimSpace(how))
	}
	if err != nil {
		t.Fatalf("asking %s: %v\n%s", assembler, err, how)
	}
}

// assemble builds the module of a text.
func assemble(t *testing.T, text string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guest.wasm")
	if out, err := exec.Command(assembler, text, file).CombinedOutput(); err != nil {
		t.Fatalf("assembling %s: %v\n%s", text, err, out)
	}
	return readFile(t, file)
}
