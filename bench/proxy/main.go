// Command proxy measures what a proxied request costs in Loom, stock Caddy, Envoy, nginx and HAProxy: the same backend, the same
// load, in turns. `make bench-proxy` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"github.com/loom-gateway/loom/bench/process"
)

type options struct {
	loom, caddy, envoy, nginx, haproxy string
	only, cases                        string
	rounds, connections, rate          int
	slice                              time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.loom, "loom", "bin/loom", "Loom's binary")
	flag.StringVar(&o.caddy, "caddy", "bin/caddy-stock", "stock Caddy's binary")
	flag.StringVar(&o.envoy, "envoy", os.Getenv("ENVOY"), "Envoy's binary; default: the one that .ci/setup installs")
	flag.StringVar(&o.nginx, "nginx", "nginx", "nginx's binary")
	flag.StringVar(&o.haproxy, "haproxy", "haproxy", "HAProxy's binary")
	flag.StringVar(&o.only, "only", "Loom,Caddy,Envoy,nginx,HAProxy", "gateways to measure")
	flag.StringVar(&o.cases, "cases", "h1,TLS,h2,1 MiB,10000 routes", "what to measure")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each case of each gateway is measured")
	flag.IntVar(&o.connections, "connections", 16, "connections of the client, each of which waits for its answer before it asks again")
	flag.IntVar(&o.rate, "rate", 0, "requests per second when latencies are measured, sent whether the last is answered or not;\n0: half of what the first gateway, or Envoy if that is less, answers when asked without a pause")
	flag.DurationVar(&o.slice, "slice", time.Second, "how long, each time, for CPU time and for latencies")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// kase is one kind of request.
type kase struct {
	name       string
	many       bool // through the gateway with 10,000 routes
	tls, http2 bool
	path       string
}

func cases(names string) (chosen []kase) {
	for _, k := range []kase{
		{name: "h1", path: "/r5/x"},
		{name: "TLS", tls: true, path: "/r5/x"},
		{name: "h2", tls: true, http2: true, path: "/r5/x"},
		{name: "1 MiB", path: "/r5/large"},
		{name: "10000 routes", many: true, path: "/r5000/x"},
	} {
		if listed(names, k.name) {
			chosen = append(chosen, k)
		}
	}
	return chosen
}

func listed(names, name string) bool { return strings.Contains(","+names+",", ","+name+",") }

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "loom-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.envoy, err = process.FindEnvoy(o.envoy); err != nil && listed(o.only, "Envoy") {
		return err
	}
	backend, err := serveBackend(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	certificate, err := writeCertificate(dir)
	if err != nil {
		return err
	}
	s := setup{options: o, dir: dir, backend: backend.Addr().String(), certificate: certificate}
	gateways, err := startAll(ctx, s)
	defer stopAll(gateways)
	if err != nil {
		return err
	}
	seen, err := measure(ctx, o, gateways)
	if err != nil {
		return err
	}
	return report(os.Stdout, o, gateways, seen)
}

// startAll starts what there is; what is not installed is named and left out.
func startAll(ctx context.Context, s setup) (gateways []*gateway, err error) {
	for _, start := range []struct {
		name, binary string
		configure    func(setup) (args []string, env []string, err error)
	}{
		{"Loom", s.loom, loomConfig},
		{"Caddy", s.caddy, caddyConfig},
		{"Envoy", s.envoy, envoyConfig},
		{"nginx", s.nginx, nginxConfig},
		{"HAProxy", s.haproxy, haproxyConfig},
	} {
		if !listed(s.only, start.name) {
			continue
		}
		if _, err := exec.LookPath(start.binary); err != nil {
			fmt.Fprintf(os.Stderr, "%s is left out: %v\n", start.name, err)
			continue
		}
		g := &gateway{name: start.name}
		gateways = append(gateways, g)
		for _, routes := range []int{10, 10_000} {
			p, err := startOne(ctx, s, start.name, start.binary, routes, start.configure)
			if err != nil {
				return gateways, err
			}
			g.processes = append(g.processes, p)
		}
	}
	if len(gateways) == 0 {
		return nil, errors.New("there is nothing to measure")
	}
	return gateways, nil
}

func stopAll(gateways []*gateway) {
	for _, g := range gateways {
		for _, p := range g.processes {
			p.Stop()
		}
	}
}
