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
	tsBuilder = "../../plugins/build-ts.sh"
	// exitNoToolchain is what the build scripts answer when there is nothing to build with.
	exitNoToolchain = 3
)

// TestRawGuests builds the guests in text again, those of other packages too: the committed modules are what their texts say.
func TestRawGuests(t *testing.T) {
	needTool(t, assembler)
	texts, err := filepath.Glob("../*/testdata/*.wat")
	if err != nil || len(texts) == 0 {
		t.Fatalf("no guests in testdata: %v", err)
	}
	for _, text := range texts {
		module := strings.TrimSuffix(text, ".wat") + ".wasm"
		if !bytes.Equal(rebuilt(t, assembler, text), readFile(t, module)) {
			t.Errorf("%s is not what %s says: run `make wasm` and commit it", module, text)
		}
	}
}

// TestTypeScriptGuest does the same for the guest of AssemblyScript's SDK; that compiler makes the same bytes everywhere.
func TestTypeScriptGuest(t *testing.T) {
	needTool(t, tsBuilder)
	if !bytes.Equal(rebuilt(t, tsBuilder, "../internal/conformance/testdata/abort-ts"), raw(t, "abort-ts")) {
		t.Error("testdata/abort-ts.wasm is not what its source says: run `make wasm` and commit it")
	}
}

// needTool skips the test where there is nothing that the script could build with; CI has all of it.
func needTool(t *testing.T, script string) {
	t.Helper()
	how, err := exec.Command(script, "--how").CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == exitNoToolchain && os.Getenv("CI") != "true" {
		t.Skipf("not run here: %s", bytes.TrimSpace(how))
	}
	if err != nil {
		t.Fatalf("asking %s: %v\n%s", script, err, how)
	}
}

// rebuilt builds the module of a source.
func rebuilt(t *testing.T, script, source string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guest.wasm")
	if out, err := exec.Command(script, source, file).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", source, err, out)
	}
	return readFile(t, file)
}
