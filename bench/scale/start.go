package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/shared"
)

// sample is a plugin with the configuration that it starts with.
type sample struct{ module, config string }

// samples are ten plugins of this repository in three languages.
func samples() []sample {
	return []sample{
		{"plugins/rate-limit/rate-limit.wasm", `{"requests_per_second": 10}`},
		{"plugins/jwt-auth/jwt-auth.wasm", `{"keys": [{"alg": "HS256", "secret": "0123456789abcdef0123456789abcdef"}]}`},
		{"plugins/key-auth/key-auth.wasm", `{"upstream": "keys", "path": "/check"}`},
		{"plugins/json-transform/json-transform.wasm", `{"request": {"set": {"via": "loom"}}}`},
		{"plugins/request-id/request-id.wasm", `{}`},
		{"plugins/metrics/metrics.wasm", `{}`},
		{"plugins/header-rewrite/header-rewrite.wasm", `request set x-a b`},
		{"plugins/stream-body/stream-body.wasm", ``},
		{"plugins/grpc-trailers/grpc-trailers.wasm", ``},
		{"bench/guest/guest.wasm", `headers`},
	}
}

// cost is what a start takes: time, and time of the processor.
type cost struct{ wall, cpu time.Duration }

// starts prints the time in which the samples are loaded, in processes of their own: with nothing on disk, and with what such
// a process has left.
func starts(rounds int) error {
	dir, err := os.MkdirTemp("", "loom-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var first, second []cost
	for i := range rounds {
		folder := filepath.Join(dir, strconv.Itoa(i))
		for _, list := range []*[]cost{&first, &second} {
			c, err := startProcess(folder)
			if err != nil {
				return err
			}
			*list = append(*list, c)
		}
	}
	fmt.Printf("\n%d plugins, one instance each, until all are configured; %d starts\n", len(samples()), rounds)
	report("first start", first)
	report("second start", second)
	return nil
}

func report(name string, costs []cost) {
	var wall, cpu []time.Duration
	for _, c := range costs {
		wall, cpu = append(wall, c.wall), append(cpu, c.cpu)
	}
	slices.Sort(wall)
	slices.Sort(cpu)
	median, tenth := len(costs)/2, 100*time.Microsecond
	fmt.Printf("%-24s median %v, best %v; of the processor: median %v, best %v\n", name, wall[median].Round(tenth), wall[0].Round(tenth),
		cpu[median].Round(tenth), cpu[0].Round(tenth))
}

func startProcess(folder string) (c cost, err error) {
	self, err := os.Executable()
	if err != nil {
		return c, err
	}
	cmd := exec.CommandContext(context.Background(), self, "-start", folder)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return c, err
	}
	_, err = fmt.Sscan(string(out), &c.wall, &c.cpu)
	return c, err
}

// startOnce loads the samples one after the other, as a gateway does, and prints how long that took, in nanoseconds.
func startOnce(folder string) error {
	specs := make([]plugin.Spec, 0, len(samples()))
	for _, s := range samples() {
		code, err := os.ReadFile(s.module)
		if err != nil {
			return err
		}
		specs = append(specs, plugin.Spec{Name: filepath.Base(s.module), Code: code, Config: s.config, Instances: 1})
	}
	began, busy := time.Now(), processorTime()
	code, err := plugin.NewCode(folder)
	if err != nil {
		return err
	}
	deps := plugin.Deps{Shared: shared.NewStore(), Code: code, Log: zap.NewNop()}
	var problems []error
	for _, s := range specs {
		_, _, err := open(s, deps)
		problems = append(problems, err)
	}
	fmt.Println(time.Since(began).Nanoseconds(), (processorTime() - busy).Nanoseconds())
	return errors.Join(problems...)
}

// processorTime is what this process has used of the processor.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
