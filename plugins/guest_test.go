package plugins_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

// exitNoToolchain is what the build scripts answer when there is nothing to build with.
const exitNoToolchain = 3

// eachBuild runs a test on the committed module of a guest and, where the toolchain is installed, on one that is built
// from its sources: so the committed module is shown to be what its sources say.
func eachBuild(t *testing.T, name string, test func(t *testing.T, code []byte)) {
	t.Helper()
	t.Run("committed", func(t *testing.T) {
		t.Parallel()
		code := committed(t, name)
		if path := pathOfTheBuilder(string(code)); path != "" {
			t.Errorf("the module names a file of the machine that built it: …%s…", path)
		}
		test(t, code)
	})
	t.Run("rebuilt", func(t *testing.T) {
		t.Parallel()
		test(t, rebuild(t, name))
	})
}

func committed(t *testing.T, name string) []byte {
	t.Helper()
	code, err := os.ReadFile(filepath.Join(name, name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// pathOfTheBuilder finds an absolute path where users and build machines keep their files.
func pathOfTheBuilder(code string) string {
	for _, dir := range []string{"/home/", "/root/", "/Users/", "/tmp/", "/work/", "/usr/lib/", ".cargo/registry"} {
		if i := strings.Index(code, dir); i >= 0 {
			return fmt.Sprintf("%.60q", code[max(0, i-10):])
		}
	}
	return ""
}

// rebuild builds a guest with the script of its language, or skips the test where there is no toolchain.
func rebuild(t *testing.T, name string) []byte {
	t.Helper()
	script := buildScript(t, name)
	file := filepath.Join(t.TempDir(), name+".wasm")
	if out, err := exec.Command(script, name, file).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, out)
	}
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// buildScript finds the script that builds a guest. It skips the test when the script says that its toolchain is missing.
func buildScript(t *testing.T, name string) string {
	t.Helper()
	script := "./build-c.sh"
	for sign, other := range map[string]string{"Cargo.toml": "./build-rust.sh", "package.json": "./build-ts.sh"} {
		if _, err := os.Stat(filepath.Join(name, sign)); err == nil {
			script = other
		}
	}
	needToolchain(t, script)
	return script
}

func needToolchain(t *testing.T, script string) {
	t.Helper()
	how, err := exec.Command(script, "--how").CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == exitNoToolchain {
		missing := fmt.Sprintf("not run here: %s", strings.TrimSpace(string(how)))
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	if err != nil {
		t.Fatalf("asking %s: %v\n%s", script, err, how)
	}
}

// refusesMistakes tries configurations that a plugin must refuse, each with a log line that has the text.
func refusesMistakes(t *testing.T, spec plugin.Spec, mistakes map[string]string) {
	t.Run("mistakes refuse the configuration", func(t *testing.T) {
		t.Parallel()
		for config, want := range mistakes {
			spec.Config, spec.Instances = config, 1
			_, logs, err := open(t, spec)
			if err == nil {
				t.Errorf("%q is accepted", config)
			}
			if logs.FilterMessageSnippet(want).Len() == 0 {
				t.Errorf("%q: the log does not say %q: %v", config, want, logs.All())
			}
		}
	})
}
