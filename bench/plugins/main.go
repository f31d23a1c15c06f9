// Command plugins measures what a plugin costs in Loom and in Envoy: the same module, in the same minute, under the same load.
// `make bench-plugins` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/loom-gateway/loom/bench/process"
)

type options struct {
	loom, envoy, guest  string
	rounds, connections int
	slice               time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.loom, "loom", "bin/loom", "Loom's binary")
	flag.StringVar(&o.envoy, "envoy", os.Getenv("ENVOY"), "Envoy's binary; default: the one that .ci/setup installs")
	flag.StringVar(&o.guest, "guest", "bench/guest/guest.wasm", "the plugin")
	flag.IntVar(&o.rounds, "rounds", 20, "how often each route of each gateway is measured")
	flag.DurationVar(&o.slice, "slice", 500*time.Millisecond, "how long, each time")
	flag.IntVar(&o.connections, "connections", 16, "connections of the client, each of which waits for its answer before it asks again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// works are the routes: one without a plugin, and the guest with each of its configurations.
func works() []string { return []string{bare, "empty", "headers", "sixty"} }

const bare = "none"

func run(ctx context.Context, o options) error {
	var err error
	if o.envoy, err = process.FindEnvoy(o.envoy); err != nil {
		return err
	}
	guest, err := filepath.Abs(o.guest)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "loom-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	backend, err := serveBackend(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	s := setup{options: o, guest: guest, dir: dir, backend: backend.Addr().String()}
	envoy, err := startEnvoy(ctx, s)
	if err != nil {
		return err
	}
	defer envoy.Stop()
	loom, err := startLoom(ctx, s)
	if err != nil {
		return err
	}
	defer loom.Stop()
	gateways := []*gateway{envoy, loom}
	samples, err := measure(ctx, o, gateways)
	if err != nil {
		return err
	}
	report(os.Stdout, gateways, samples)
	return nil
}

// samples are the CPU time of one request, in microseconds, by round.
type samples map[*gateway]map[string][]float64

// measure asks every route of every gateway in turn, so that whatever else the machine does is in all of them. The first round
// warms up and does not count.
func measure(ctx context.Context, o options, gateways []*gateway) (samples, error) {
	seen := samples{}
	for _, g := range gateways {
		seen[g] = map[string][]float64{}
	}
	for round := range o.rounds + 1 {
		for _, work := range works() {
			for _, g := range gateways {
				cost, err := g.cost(ctx, work, o)
				if err != nil {
					return nil, fmt.Errorf("measuring %s with plugin %s: %w", g.Name, work, err)
				}
				if round > 0 {
					seen[g][work] = append(seen[g][work], cost)
				}
			}
		}
		fmt.Fprintf(os.Stderr, "\rround %d of %d", round, o.rounds)
	}
	fmt.Fprintln(os.Stderr)
	return seen, nil
}
