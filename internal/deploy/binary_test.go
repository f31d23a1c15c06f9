package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/freeport"
)

var binary struct {
	once   sync.Once
	folder string
	err    error
	out    []byte
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(binary.folder)
	os.Exit(code)
}

// loom is the gateway's binary, built once.
func loom(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.folder, binary.err = os.MkdirTemp("", "loom-deploy-"); binary.err == nil {
			binary.out, binary.err = exec.Command("go", "build", "-o", filepath.Join(binary.folder, "loom"), "../../cmd/loom").CombinedOutput()
		}
	})
	if binary.err != nil {
		t.Fatalf("%v\n%s", binary.err, binary.out)
	}
	return filepath.Join(binary.folder, "loom")
}

// gateway is a running one.
type gateway struct {
	cmd *exec.Cmd
	log bytes.Buffer // to be read when it has ended
	end chan error
}

// start starts the gateway with a home and a Caddy admin port of its own. It is stopped when the test ends.
func start(t *testing.T, env []string, args ...string) *gateway {
	t.Helper()
	home := t.TempDir()
	g := &gateway{cmd: exec.Command(loom(t), args...), end: make(chan error, 1)}
	g.cmd.Env = append(append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "CADDY_ADMIN="+freeport.Address(t)), env...)
	g.cmd.Stdout, g.cmd.Stderr = &g.log, &g.log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { g.end <- g.cmd.Wait(); close(g.end) }()
	t.Cleanup(func() {
		_ = g.stop()
		if t.Failed() {
			t.Logf("the gateway's log:\n%s", g.log.String())
		}
	})
	return g
}

// stop tells it to end, and returns how it did.
func (g *gateway) stop() error {
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-g.end:
		return err
	case <-time.After(time.Minute):
		_ = g.cmd.Process.Kill()
		return <-g.end
	}
}

// run runs a command of the gateway to its end.
func run(t *testing.T, env []string, args ...string) (output string, err error) {
	t.Helper()
	cmd := exec.Command(loom(t), args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
