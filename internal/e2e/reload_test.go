package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/loom-gateway/loom/internal/freeport"
)

// proxyTo is a document that sends everything to a backend.
func proxyTo(backend string) string {
	return `listeners: [{address: ":${LOOM_PORT}"}]
routes: [{path: "/*", upstream: backend}]
upstreams: [{name: backend, endpoints: ["` + backend + `"]}]
`
}

// TestTermDrains ends the process under a request: it is answered whole first.
func TestTermDrains(t *testing.T) {
	t.Parallel()
	arrived, finish := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-finish
		_, _ = io.WriteString(w, "whole")
	}))
	t.Cleanup(slow.Close)
	port, dir := freeport.Port(t), t.TempDir()
	write(t, filepath.Join(dir, "loom.yaml"), proxyTo(slow.Listener.Addr().String()))
	p := start(t, dir, environment(t, "LOOM_PORT="+port), port)
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://127.0.0.1:" + port)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		answer <- fmt.Sprint(string(data), err)
	}()
	<-arrived
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the port is closed", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	close(finish)
	if got := <-answer; got != "whole<nil>" {
		t.Errorf("answer %q", got)
	}
	select {
	case <-p.end:
	case <-time.After(30 * time.Second):
		t.Fatal("the process did not end")
	}
	if status := p.cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("status %d\n%s", status, p.log)
	}
}

// TestTermTellsWebSockets that the gateway goes away.
func TestTermTellsWebSockets(t *testing.T) {
	t.Parallel()
	quiet := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, err := websocket.Accept(w, r, nil); err == nil {
			<-conn.CloseRead(r.Context()).Done()
		}
	}))
	t.Cleanup(quiet.Close)
	port, dir := freeport.Port(t), t.TempDir()
	write(t, filepath.Join(dir, "loom.yaml"), proxyTo(quiet.Listener.Addr().String()))
	p := start(t, dir, environment(t, "LOOM_PORT="+port), port)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://127.0.0.1:"+port, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the connection ended with %v", err)
	}
}

// TestKillDuringReloads kills the process while it takes one configuration after another; each time it comes back with one of them,
// and never with one older than what it had said yes to.
func TestKillDuringReloads(t *testing.T) {
	t.Parallel()
	port, admin := freeport.Port(t), freeport.Port(t)
	numbered := func(i int) string {
		return strings.ReplaceAll(document, "TEXT", fmt.Sprint(i)) + strings.Repeat("# long\n", 1000)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "loom.yaml"), numbered(0))
	env := environment(t, "LOOM_PORT="+port, "CADDY_ADMIN=127.0.0.1:"+admin)
	accepted, next := 0, 1
	for round := range 30 {
		p := start(t, dir, env, port, "run", "--resume", "--config", "loom.yaml")
		var now int
		if _, err := fmt.Sscan(get(t, "http://127.0.0.1:"+port), &now); err != nil || now < accepted {
			t.Fatalf("round %d: it came back with %d after %d was accepted (%v)", round, now, accepted, err)
		}
		killed := time.After(time.Duration(rand.IntN(60)) * time.Millisecond)
		go func() { <-killed; _ = p.cmd.Process.Kill() }()
		for ; ; next++ {
			res, err := http.Post("http://127.0.0.1:"+admin+"/load", "text/loom", strings.NewReader(numbered(next)))
			if err != nil {
				break
			}
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				accepted = next
			}
		}
		<-p.end
	}
	if accepted == 0 {
		t.Error("no configuration was ever accepted")
	}
}

// TestWatchSurvives a save that is no configuration, and notices the next good one, and a changed plugin.
func TestWatchSurvives(t *testing.T) {
	t.Parallel()
	port := freeport.Port(t)
	dir := folder(t, "loom.yaml", "one")
	p := start(t, dir, environment(t, "LOOM_PORT="+port), port, "run", "--config", "loom.yaml", "--watch")
	answers := func(text string) func() bool {
		return func() bool { return get(t, "http://127.0.0.1:"+port) == text }
	}
	file := filepath.Join(dir, "loom.yaml")
	write(t, file, "listeners: [{address: \":${LOOM_PORT}\"}]\nroutes: [{path: /, respnod: two}]\n")
	eventually(t, "the log says what is wrong, and where", func() bool { return strings.Contains(p.log.String(), "loom.yaml:2") })
	if !answers("one")() {
		t.Error("a config that cannot be read has changed something")
	}
	write(t, file+".new", strings.ReplaceAll(document, "TEXT", "three"))
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next good save is applied", answers("three"))
	plugin := filepath.Join(dir, "plugin.wasm")
	module, err := os.ReadFile("../../plugins/header-rewrite/header-rewrite.wasm")
	if err != nil {
		t.Fatal(err)
	}
	write(t, plugin, string(module))
	write(t, file, `listeners: [{address: ":${LOOM_PORT}"}]
routes: [{path: /, respond: four, plugins: [mark]}]
plugins: [{name: mark, path: plugin.wasm, config: "response set x-mark 1"}]
`)
	eventually(t, "a plugin is used", answers("four"))
	write(t, plugin, "no WebAssembly")
	eventually(t, "the log says that the plugin is broken", func() bool { return strings.Contains(p.log.String(), "not WebAssembly") })
	if !answers("four")() {
		t.Error("a broken plugin has changed something")
	}
	applied := strings.Count(p.log.String(), "applied the changed config")
	write(t, plugin, string(module)+"\x00\x03\x01xy")
	eventually(t, "the changed plugin is applied", func() bool {
		return strings.Count(p.log.String(), "applied the changed config") > applied
	})
}

// TestSignalReloads reads the file again at SIGUSR1.
func TestSignalReloads(t *testing.T) {
	t.Parallel()
	port := freeport.Port(t)
	dir := folder(t, "loom.yaml", "one")
	p := start(t, dir, environment(t, "LOOM_PORT="+port), port, "run", "--config", "loom.yaml")
	write(t, filepath.Join(dir, "loom.yaml"), strings.ReplaceAll(document, "TEXT", "two"))
	if err := p.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new file is used", func() bool { return get(t, "http://127.0.0.1:"+port) == "two" })
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in 30 seconds", what)
		}
	}
}
