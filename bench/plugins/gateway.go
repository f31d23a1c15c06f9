package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// patience is how long a gateway may take to start, and to stop.
const patience = 30 * time.Second

type object = map[string]any

// setup is what a gateway is started with.
type setup struct {
	options
	guest, dir, backend string
}

// gateway is a running gateway.
type gateway struct {
	name      string
	addresses map[string]string // by work
	env       []string          // besides this process's
	cmd       *exec.Cmd
	ended     chan struct{}
	log       bytes.Buffer // complete when ended is closed
}

// host is the name by which a route is asked for.
func host(work string) string { return work + ".test" }

// start runs a command until every route answers.
func (g *gateway) start(ctx context.Context, path string, args ...string) (*gateway, error) {
	g.cmd, g.ended = exec.CommandContext(ctx, path, args...), make(chan struct{})
	g.cmd.Stdout, g.cmd.Stderr = &g.log, &g.log
	g.cmd.Env = append(os.Environ(), g.env...)
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", g.name, err)
	}
	go func() { _ = g.cmd.Wait(); close(g.ended) }()
	for _, work := range works() {
		if err := g.awaitRoute(ctx, work); err != nil {
			g.stop()
			return nil, fmt.Errorf("starting %s: %w:\n%s", g.name, err, g.log.String())
		}
	}
	return g, nil
}

// awaitRoute asks until there is an answer.
func (g *gateway) awaitRoute(ctx context.Context, work string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if err := g.ask(ctx, work); err == nil {
			return nil
		}
		select {
		case <-g.ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return fmt.Errorf("the route with plugin %s does not answer", work)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (g *gateway) ask(ctx context.Context, work string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.addresses[work]+"/path", http.NoBody)
	if err != nil {
		return err
	}
	r.Host = host(work)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

func (g *gateway) stop() {
	_ = g.cmd.Process.Signal(os.Interrupt)
	select {
	case <-g.ended:
	case <-time.After(patience):
		_ = g.cmd.Process.Kill()
		<-g.ended
	}
}

// cpu is what all threads of the process have used. /proc/PID/stat counts in hundredths of a second, this in nanoseconds;
// what threads used that have ended is not in it, but neither gateway ends any under load.
func (g *gateway) cpu() (time.Duration, error) {
	files, err := filepath.Glob("/proc/" + strconv.Itoa(g.cmd.Process.Pid) + "/task/*/schedstat")
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

// writeConfig writes a configuration as JSON, which both gateways read, and YAML parsers too.
func writeConfig(dir, name string, config object) (path string, err error) {
	text, err := json.Marshal(config)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, name)
	return path, os.WriteFile(path, text, 0o600)
}

// freeAddress is an address that was free a moment ago.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
