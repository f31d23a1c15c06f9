// Package process runs the gateways that the benchmarks compare, and reads what they use.
package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Patience is how long a gateway may take to start, and to stop.
const Patience = 30 * time.Second

// Object is a configuration in JSON.
type Object = map[string]any

// Process is a running gateway.
type Process struct {
	Name string
	// Env is added to this process's.
	Env []string

	cmd   *exec.Cmd
	ended chan struct{}
	log   bytes.Buffer // complete when ended is closed
}

// Start runs a command until ask is answered without an error.
func (p *Process) Start(ctx context.Context, ask func(context.Context) error, path string, args ...string) error {
	p.cmd, p.ended = exec.CommandContext(ctx, path, args...), make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.Env = append(os.Environ(), p.Env...)
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	if err := p.await(ctx, ask); err != nil {
		p.Stop()
		return fmt.Errorf("starting %s: %w:\n%s", p.Name, err, p.log.String())
	}
	return nil
}

func (p *Process) await(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the gateway.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(Patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// CPU is what all threads have used. /proc/PID/stat counts in hundredths of a second, this in nanoseconds; what threads
// used that have ended is not in it, but no gateway ends any under load.
func (p *Process) CPU() (time.Duration, error) {
	files, err := filepath.Glob("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/task/*/schedstat")
	if err != nil || len(files) == 0 {
		return 0, errors.New("reading the process's CPU time: there is no /proc/PID/task/*/schedstat, which Linux has")
	}
	var sum time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, fmt.Errorf("reading the process's CPU time: %w", err)
		}
		used, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(used, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the process's CPU time: %w", err)
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// Memory is the resident set, in bytes.
func (p *Process) Memory() (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/statm")
	if err != nil {
		return 0, fmt.Errorf("reading the process's memory: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, errors.New("reading the process's memory: /proc/PID/statm is not as expected")
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// FindEnvoy is the Envoy that .ci/setup installs, unless another one is named.
func FindEnvoy(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	found, _ := filepath.Glob("bin/envoy-venv/lib/python3*/site-packages/envoy/_bin/envoy")
	if len(found) == 0 {
		return "", errors.New("there is no Envoy to compare with: run `make setup`, or name one with ENVOY=/path/to/envoy")
	}
	return found[0], nil
}

// WriteConfig writes a configuration as JSON, which YAML parsers read too.
func WriteConfig(dir, name string, config Object) (path string, err error) {
	text, err := json.Marshal(config)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, name)
	return path, os.WriteFile(path, text, 0o600)
}

// FreeAddress is an address that was free a moment ago.
func FreeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Typed marks a configuration of Envoy with its type.
func Typed(name string, fields Object) Object {
	fields["@type"] = "type.googleapis.com/" + name
	return fields
}

// Socket is an address as Envoy writes it.
func Socket(address string) Object {
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return Object{"socket_address": Object{"address": host, "port_value": n}}
}
