// Command scale measures what many plugins cost a gateway: the memory of many instances, and the time in which plugins are
// loaded at a first start and at a second one, which finds their code on disk.
package main

import (
	"flag"
	"fmt"
	"os"
)

type options struct {
	plugins, instances, rounds int
	guest, config, start       string
}

func main() {
	var o options
	flag.IntVar(&o.plugins, "plugins", 100, "plugins of which the memory is measured")
	flag.IntVar(&o.instances, "instances", 4, "instances of each of them")
	flag.StringVar(&o.guest, "guest", "bench/guest/guest.wasm", "their module")
	flag.StringVar(&o.config, "config", "headers", "their configuration")
	flag.IntVar(&o.rounds, "rounds", 10, "starts of each kind")
	flag.StringVar(&o.start, "start", "", "for the processes that this one starts: the folder of compiled code")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.start != "" {
		return startOnce(o.start)
	}
	if err := memory(o); err != nil {
		return fmt.Errorf("measuring memory: %w", err)
	}
	if err := starts(o.rounds); err != nil {
		return fmt.Errorf("measuring starts: %w", err)
	}
	return nil
}
