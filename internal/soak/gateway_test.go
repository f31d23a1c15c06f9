package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/freeport"
)

// patience is how long anything may take that should be there at once.
const patience = 30 * time.Second

// gateway is a process of the binary under test.
type gateway struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   *lines
	ended chan struct{}
	admin string // Caddy's
	kind  string // of the configurations that it is given
}

// lines is what a process writes.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// build makes a command of this module or of one that it depends on.
func build(t *testing.T, path string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.Base(path))
	if out, err := exec.Command("go", "build", "-o", file, path).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", path, err, out)
	}
	return file
}

// start runs a binary with a configuration in a file, and waits until its admin API answers.
func start(t *testing.T, binary, kind, config string, args ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, log: new(lines), ended: make(chan struct{}), admin: freeport.Address(t), kind: kind}
	home := t.TempDir()
	file := filepath.Join(home, "config")
	write(t, file, config)
	g.cmd = exec.Command(binary, append(append([]string{"run"}, args...), "--config", file)...)
	g.cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "CADDY_ADMIN="+g.admin)
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = g.cmd.Wait(); close(g.ended) }()
	t.Cleanup(g.stop)
	eventually(t, "the gateway runs", func() error {
		select {
		case <-g.ended:
			t.Fatalf("the gateway has ended:\n%s", g.log)
		default:
		}
		res, err := http.Get("http://" + g.admin + "/config/")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		if string(data) == "null\n" {
			return errors.New("there is no config")
		}
		return err
	})
	return g
}

func (g *gateway) stop() {
	_ = g.cmd.Process.Signal(os.Interrupt)
	select {
	case <-g.ended:
	case <-time.After(2 * patience):
		_ = g.cmd.Process.Kill()
		<-g.ended
		g.t.Error("the gateway did not end")
	}
}

// load changes the configuration, and returns how long that took.
func (g *gateway) load(config string) (time.Duration, error) {
	began := time.Now()
	res, err := http.Post("http://"+g.admin+"/load", g.kind, strings.NewReader(config))
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if data, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %d: %s", res.StatusCode, data)
	}
	return time.Since(began), nil
}

// usage is what the process has taken.
type usage struct{ memory, goroutines, files int }

func (u usage) String() string {
	return fmt.Sprintf("%d MB, %d goroutines, %d descriptors", u.memory>>20, u.goroutines, u.files)
}

// isLike allows what a gateway keeps that has worked.
func (u usage) isLike(before usage) bool {
	const memory, goroutines, files = 20 << 20, 10, 5
	return u.memory <= before.memory+memory && u.goroutines <= before.goroutines+goroutines && u.files <= before.files+files
}

var heapInUse = regexp.MustCompile(`# HeapInuse = (\d+)`)

var goroutineTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)

func (g *gateway) usage() usage {
	g.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", g.cmd.Process.Pid)
	statm, err := os.ReadFile(proc + "statm")
	if err != nil {
		g.t.Skip("not run here: what the process uses is read in /proc, which Linux has")
	}
	files, err := os.ReadDir(proc + "fd")
	if err != nil {
		g.t.Fatal(err)
	}
	pages, _ := strconv.Atoi(strings.Fields(string(statm))[1])
	found := goroutineTotal.FindStringSubmatch(g.profile("goroutine?debug=1"))
	if found == nil {
		g.t.Fatal("no goroutine profile")
	}
	n, _ := strconv.Atoi(found[1])
	return usage{memory: pages * os.Getpagesize(), goroutines: n, files: len(files)}
}

func (g *gateway) profile(name string) string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.admin+"/debug/pprof/"+name, http.NoBody)
	if err != nil {
		g.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(data)
}

// errors are the lines of the log that say that something is wrong with the gateway itself.
func (g *gateway) errors() []string {
	var found []string
	for line := range strings.Lines(g.log.String()) {
		wrong := strings.Contains(line, `"level":"error"`) || strings.Contains(line, "panic") || strings.Contains(line, "DATA RACE")
		// Caddy counts the grace period of each old configuration, and says so when a stream lasts longer; and a backend is broken.
		if wrong && !strings.Contains(line, "graceful shutdown") && !strings.Contains(line, `upstream \"broken\"`) {
			found = append(found, line)
		}
	}
	return found
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in %v: %v", what, patience, err)
		}
	}
}

// collected is the heap in use after a collection, in bytes.
func (g *gateway) collected() int {
	g.t.Helper()
	found := heapInUse.FindStringSubmatch(g.profile("heap?gc=1&debug=1"))
	if found == nil {
		g.t.Fatal("no heap profile")
	}
	n, _ := strconv.Atoi(found[1])
	return n
}
