// Command quickstart is `make run`: a demo upstream and the gateway in front of it, with what to try.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// options are the flags.
type options struct {
	loom, config string
	ports        ports
	dev          bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, parseFlags(), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitStatus(err))
	}
}

func parseFlags() options {
	var o options
	flag.StringVar(&o.loom, "loom", "bin/loom", "the gateway's binary")
	flag.StringVar(&o.config, "config", "configs/loom.yaml", "the gateway's configuration")
	flag.IntVar(&o.ports.gateway, "port", 8080, "port of the gateway")
	flag.IntVar(&o.ports.upstream, "upstream-port", 3000, "port of the demo upstream")
	flag.IntVar(&o.ports.admin, "admin-port", 9091, "port of Loom's admin API and metrics")
	flag.IntVar(&o.ports.caddyAdmin, "caddy-admin-port", 2019, "port of Caddy's admin API")
	flag.BoolVar(&o.dev, "dev", false, "debug logging; build and restart when a source changes")
	flag.Parse()
	return o
}

// run serves until ctx ends, which is no error, or until the gateway stops by itself, which is.
func run(ctx context.Context, o options, out io.Writer) error {
	if err := o.ports.check(ctx); err != nil {
		return err
	}
	upstream, err := startUpstream(ctx, o.ports.upstream)
	if err != nil {
		return err
	}
	defer upstream.Close()
	if o.dev {
		develop(ctx, o, out)
		return nil
	}
	g, err := startGateway(ctx, o, o.config)
	if err != nil {
		return err
	}
	if g.waitReady(ctx, o.ports.gateway) {
		printHints(out, o.ports)
	}
	<-g.done
	if ctx.Err() != nil {
		fmt.Fprintln(out, "\nstopped the gateway and the demo upstream")
		return nil
	}
	return fmt.Errorf("the gateway stopped by itself (%w); its log is above", g.err)
}

// exitStatus is the gateway's own, if it has one.
func exitStatus(err error) int {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	return 1
}
