package hostile

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// gateway is the real binary as a process of its own.
type gateway struct {
	cmd *exec.Cmd
	end chan struct{} // closed when the process has ended

	mu     sync.Mutex
	guests map[string][]string // what the plugins logged
	ends   map[string]string   // why their instances have failed
	output []string            // the last lines of everything
	bad    []string            // lines that no plugin may cause
}

// outputKept is how many lines of the log are kept for a failure's message.
const outputKept = 200

func buildLoom(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "loom")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/loom").CombinedOutput(); err != nil {
		t.Fatalf("building Loom: %v\n%s", err, out)
	}
	return path
}

// startGateway runs the binary with a config; its home is the folder.
func startGateway(t *testing.T, binary, folder, admin string, config []byte) *gateway {
	t.Helper()
	file := filepath.Join(folder, "first.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	g := &gateway{cmd: exec.Command(binary, "run", "--config", file), end: make(chan struct{}), guests: map[string][]string{}, ends: map[string]string{}}
	g.cmd.Dir = folder
	g.cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_CONFIG_HOME="+folder, "XDG_DATA_HOME="+folder, "CADDY_ADMIN="+admin)
	pipe, err := g.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go g.read(pipe)
	t.Cleanup(g.stop)
	return g
}

func (g *gateway) read(pipe io.Reader) {
	defer close(g.end)
	for r := bufio.NewReaderSize(pipe, 1<<20); ; {
		line, err := r.ReadString('\n')
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			g.add(line)
		}
		if err != nil {
			break
		}
	}
	_ = g.cmd.Wait()
}

// longestLine is what a line of the log may have: a guest's 16 KiB, each byte of which may be escaped.
const longestLine = 128 << 10

func (g *gateway) add(line string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.output = append(g.output, line[:min(len(line), 2000)])
	if len(g.output) > outputKept {
		g.output = g.output[len(g.output)-outputKept:]
	}
	var entry struct{ Level, Msg, Plugin, Error string }
	switch err := json.Unmarshal([]byte(line), &entry); {
	case err != nil, len(line) > longestLine, strings.Contains(entry.Msg, "panic") && entry.Plugin == "":
		g.bad = append(g.bad, line[:min(len(line), 2000)])
	case entry.Msg == "plugin instance failed":
		g.ends[entry.Plugin] = entry.Error
	case strings.HasPrefix(entry.Msg, "probe: "):
		g.guests[entry.Plugin] = append(g.guests[entry.Plugin], strings.TrimPrefix(entry.Msg, "probe: "))
	}
}

// said is what a plugin's guests have logged.
func (g *gateway) said(plugin string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.guests[plugin]...)
}

// failure is why an instance of a plugin has failed.
func (g *gateway) failure(plugin string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ends[plugin]
}

// forget drops what the plugins have logged so far.
func (g *gateway) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.guests = map[string][]string{}
}

func (g *gateway) tail() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.output, "\n")
}

// ended reports whether the process is gone.
func (g *gateway) ended() bool {
	select {
	case <-g.end:
		return true
	default:
		return false
	}
}

// stop asks the process to end, and makes it.
func (g *gateway) stop() {
	if g.ended() {
		return
	}
	_ = g.cmd.Process.Signal(os.Interrupt)
	select {
	case <-g.end:
	case <-time.After(patience):
		_ = g.cmd.Process.Kill()
		<-g.end
	}
}
