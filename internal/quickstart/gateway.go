package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// patience is how long the gateway may take to finish its requests when it is told to stop.
const patience = 20 * time.Second

// gateway is the running child process.
type gateway struct {
	done chan struct{} // closed when it has ended
	err  error         // why; to be read after done
}

// startGateway starts the gateway; it is stopped when ctx ends.
func startGateway(ctx context.Context, o options, config string) (*gateway, error) {
	cmd := exec.CommandContext(ctx, o.loom, "run", "--config", config)
	cmd.Env = o.environment()
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Cancel = func() error {
		if cmd.Process.Signal(syscall.SIGTERM) != nil {
			return cmd.Process.Kill() // systems without signals
		}
		return nil
	}
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the gateway: %w", err)
	}
	g := &gateway{done: make(chan struct{})}
	go func() {
		defer close(g.done)
		if g.err = cmd.Wait(); g.err == nil {
			g.err = fmt.Errorf("%s", cmd.ProcessState) // nobody asked it to
		}
	}()
	return g, nil
}

// environment is what configs/loom.yaml reads.
func (o options) environment() []string {
	return append(os.Environ(),
		"LOOM_PORT="+strconv.Itoa(o.ports.gateway),
		"UPSTREAM_PORT="+strconv.Itoa(o.ports.upstream),
		"LOOM_ADMIN_PORT="+strconv.Itoa(o.ports.admin),
		"CADDY_ADMIN=localhost:"+strconv.Itoa(o.ports.caddyAdmin))
}

// waitReady waits until the gateway has taken a request through to the upstream; false means that it has
// ended or ctx has.
func (g *gateway) waitReady(ctx context.Context, port int) bool {
	client := &http.Client{Timeout: 5 * time.Second}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-g.done:
			return false
		case <-tick.C:
			if answers(ctx, client, fmt.Sprintf("http://localhost:%d%s", port, helloPath)) {
				return true
			}
		}
	}
}

func answers(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
