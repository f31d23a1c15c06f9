// Package e2e tests the real binary: its command line, and the examples as their readers run them.
package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/freeport"
)

// loom is the binary under test; TestMain builds it once, of a version as a release has one.
var loom string

const loomVersion = "v1.2.3-e2e"

func TestMain(m *testing.M) {
	code, err := build(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func build(m *testing.M) (int, error) {
	folder, err := os.MkdirTemp("", "loom-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	loom = filepath.Join(folder, "loom")
	if out, err := exec.Command("go", "build", "-ldflags", "-X github.com/loom-gateway/loom/internal/version.version="+loomVersion, "-o", loom, "../../cmd/loom").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// environment is a home of its own, so that nothing of the machine's Caddy is touched, and a free admin port.
func environment(t *testing.T, more ...string) []string {
	t.Helper()
	home := t.TempDir()
	env := append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "CADDY_ADMIN="+freeport.Address(t))
	return append(env, more...)
}

// run runs the binary to its end. Its output goes to a file: a pipe would wait for what `start` leaves running.
func run(t *testing.T, dir string, env []string, args ...string) (output string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	file, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.CommandContext(ctx, loom, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, file, file
	_ = cmd.Run()
	out, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// process is a running gateway.
type process struct {
	cmd *exec.Cmd
	log *lockedBuffer
	end chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start starts the binary and waits until the port answers.
func start(t *testing.T, dir string, env []string, port string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(loom, args...), log: new(lockedBuffer), end: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = dir, env, p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.end) }()
	t.Cleanup(p.stop)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			if strings.Contains(p.log.String(), "serving initial configuration") { // on its other ports too
				return p
			}
		}
		select {
		case <-p.end:
			t.Fatalf("loom %s ended:\n%s", strings.Join(args, " "), p.log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("loom %s does not answer:\n%s", strings.Join(args, " "), p.log)
		}
	}
}

func (p *process) stop() {
	select {
	case <-p.end:
		return
	default:
	}
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.end:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.end
	}
}

// backend is a real server that says what it saw.
func backend(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s host=%s", r.Method, r.RequestURI, r.Host)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}
