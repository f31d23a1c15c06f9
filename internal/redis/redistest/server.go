// Package redistest runs a real redis-server for tests.
package redistest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/freeport"
)

// patience is how long a server may take to start.
const patience = 20 * time.Second

// Server is a redis-server on a port of its own.
type Server struct {
	// Addr is its host:port.
	Addr string

	args    []string
	process *exec.Cmd
	exited  chan struct{}
}

// Start starts a server with arguments such as "--requirepass", "secret", and ends it with the test. Without
// redis-server the test is skipped; in CI that is a failure.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is missing: run `make setup`")
		}
		t.Skip("not run here: redis-server is missing; `make setup` installs it on Debian")
	}
	s := &Server{Addr: freeport.Address(t), args: args}
	if err := s.run(t); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Restart starts the server again on its port, after Stop.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.run(t); err != nil {
		t.Fatal(err)
	}
}

// Stop ends the server at once; its connections break. It may be called twice.
func (s *Server) Stop() {
	_ = s.process.Process.Kill()
	<-s.exited
}

// run starts the process and waits until it listens.
func (s *Server) run(t testing.TB) error {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	var log output
	args := append([]string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, s.args...)
	s.process = exec.CommandContext(context.Background(), "redis-server", args...) // Stop ends it
	s.process.Stdout, s.process.Stderr = &log, &log
	if err := s.process.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	s.exited = exited
	go func() {
		_ = s.process.Wait()
		close(exited)
	}()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if bytes.Contains(log.bytes(), []byte("eady to accept connections")) {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("redis-server has ended:\n%s", log.bytes())
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.Stop()
	return fmt.Errorf("redis-server does not start:\n%s", log.bytes())
}

// output is what a process writes, while it writes.
type output struct {
	mu   sync.Mutex
	data []byte
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.data = append(o.data, p...)
	return len(p), nil
}

func (o *output) bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.data)
}
