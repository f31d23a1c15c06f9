package e2e

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/freeport"
)

const document = `listeners: [{address: ":${LOOM_PORT}"}]
routes: [{path: /, respond: TEXT}]
`

// folder is a working directory with a document in it.
func folder(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.ReplaceAll(document, "TEXT", text))
	return dir
}

func get(t *testing.T, url string) string {
	t.Helper()
	_, _, body := send(t, http.DefaultClient, url, "GET /")
	return body
}

// Every way to start the gateway that the README names.
func TestWaysToRun(t *testing.T) {
	for _, tc := range []struct {
		file string
		args []string
	}{
		{"configs/loom.yaml", []string{"-config", "configs/loom.yaml"}},
		{"configs/loom.yaml", []string{"--config", "configs/loom.yaml"}},
		{"configs/loom.yaml", []string{"-config=configs/loom.yaml"}},
		{"other.yml", []string{"--config=other.yml"}},
		{"loom.yaml", nil},
		{"configs/loom.yaml", nil},
		{"loom.yaml", []string{"run"}},
		{"loom.yaml", []string{"run", "--config", "loom.yaml"}},
		{"loom.yaml", []string{"run", "-c", "loom.yaml", "--adapter", "loom"}},
		{"loom.yaml", []string{"run", "--adapter", "loom"}},
	} {
		t.Run(strings.Join(append(tc.args, tc.file), " "), func(t *testing.T) {
			t.Parallel()
			port := freeport.Port(t)
			start(t, folder(t, tc.file, "hello"), environment(t, "LOOM_PORT="+port), port, tc.args...)
			if body := get(t, "http://127.0.0.1:"+port); body != "hello" {
				t.Errorf("body %q", body)
			}
		})
	}
}

func TestCommands(t *testing.T) {
	good := folder(t, "loom.yaml", "hello")
	probe, err := filepath.Abs("../../plugins/probe/probe.wasm")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"version"}, 0, `Loom ` + loomVersion + `, Caddy v2\.11\.9`},
		{[]string{"list-modules"}, 0, `(?s)http\.handlers\.loom_proxy.*http\.handlers\.loom_router.*http\.handlers\.loom_wasm`},
		{[]string{"validate"}, 0, `Valid configuration`},
		{[]string{"validate", "--config", "loom.yaml"}, 0, `Valid configuration`},
		{[]string{"adapt", "--config", "loom.yaml"}, 0, `"handler":"loom_router"`},
		{[]string{"run", "--config", "nowhere.yaml"}, 1, `nowhere\.yaml`},
		{[]string{"-config", "nowhere.yaml"}, 1, `nowhere\.yaml`},
		{[]string{"plugin", "inspect", probe}, 0, `ABI version  0\.2\.1`},
		{[]string{"plugin", "inspect", "loom.yaml"}, 1, `not WebAssembly but a text file`},
		{[]string{"frobnicate"}, 1, `unknown command`},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			out, status := run(t, good, environment(t, "LOOM_PORT=18080"), tc.args...)
			if status != tc.status || !regexp.MustCompile(tc.want).MatchString(out) {
				t.Errorf("status %d, output\n%s", status, out)
			}
		})
	}
}

func TestNothingToRun(t *testing.T) {
	out, status := run(t, t.TempDir(), environment(t))
	if !strings.Contains(out, "loom.yaml") {
		t.Errorf("status %d; the output does not say what to write:\n%s", status, out)
	}
}

// start, reload and stop, and a reload that is refused changes nothing.
func TestLifeCycle(t *testing.T) {
	port := freeport.Port(t)
	dir, env := folder(t, "loom.yaml", "one"), environment(t, "LOOM_PORT="+port)
	url := "http://127.0.0.1:" + port
	if out, status := run(t, dir, env, "start", "--config", "loom.yaml"); status != 0 {
		t.Fatalf("start: %d\n%s", status, out)
	}
	stopped := false
	defer func() {
		if !stopped {
			run(t, dir, env, "stop")
		}
	}()
	if body := get(t, url); body != "one" {
		t.Errorf("after start: %q", body)
	}
	write(t, filepath.Join(dir, "loom.yaml"), strings.ReplaceAll(document, "TEXT", "two"))
	if out, status := run(t, dir, env, "reload", "--config", "loom.yaml"); status != 0 {
		t.Fatalf("reload: %d\n%s", status, out)
	}
	if body := get(t, url); body != "two" {
		t.Errorf("after reload: %q", body)
	}
	write(t, filepath.Join(dir, "loom.yaml"), strings.ReplaceAll(document, "respond", "repsond"))
	out, status := run(t, dir, env, "reload")
	if status != 1 || !strings.Contains(out, "loom.yaml:2: routes[0].repsond: unknown key") {
		t.Errorf("a broken reload: %d\n%s", status, out)
	}
	if body := get(t, url); body != "two" {
		t.Errorf("after the refused reload: %q", body)
	}
	write(t, filepath.Join(dir, "loom.yaml"), strings.ReplaceAll(document, "TEXT", "two"))
	if out, status := run(t, dir, env, "stop"); status != 0 {
		t.Errorf("stop: %d\n%s", status, out)
	}
	stopped = true
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			break
		}
		_ = conn.Close()
		if time.Now().After(end) {
			t.Fatal("it still listens after stop")
		}
	}
}

func TestABusyPortSaysWhich(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	out, status := run(t, folder(t, "loom.yaml", "x"), environment(t, "LOOM_PORT="+port), "run")
	if status != 1 || !strings.Contains(out, port) || !strings.Contains(out, "address already in use") {
		t.Errorf("status %d\n%s", status, out)
	}
}

// Each broken document gets its documented message and exit status 1.
func TestBrokenDocuments(t *testing.T) {
	dir := "../../loomadapter/testdata/broken"
	documents, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(documents) < 25 {
		t.Fatalf("%d documents, %v", len(documents), err)
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	env := environment(t)
	for _, path := range documents {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := inLog(strings.TrimSpace(read(t, strings.TrimSuffix(path, ".yaml")+".want")))
			out, status := run(t, dir, env, "validate", "--config", name)
			if out = strings.ReplaceAll(out, absolute, "FOLDER"); status != 1 || !strings.Contains(out, want) {
				t.Errorf("status %d, output\n%s\nwant in it\n%s", status, out, want)
			}
		})
	}
}

// inLog is a text as Caddy's log shows it when it is not a terminal's: in a JSON string.
func inLog(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text)
}

// A plugin that cannot load refuses the config, and the message says why.
func TestABrokenPlugin(t *testing.T) {
	dir := folder(t, "loom.yaml", "x")
	write(t, filepath.Join(dir, "loom.yaml"), document+"plugins: [{name: jwt, path: jwt.wasm}]\n")
	write(t, filepath.Join(dir, "jwt.wasm"), "\x7fELF\x02\x01\x01\x00")
	out, status := run(t, dir, environment(t, "LOOM_PORT=18080"), "validate")
	if status != 1 || !strings.Contains(out, "native Linux program") {
		t.Errorf("status %d\n%s", status, out)
	}
}
