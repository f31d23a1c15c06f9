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
	"strings"
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

// starts prints the time in which the samples are loaded, in processes of their own: with nothing on disk, and with what such
// a process has left.
func starts(rounds int) error {
	dir, err := os.MkdirTemp("", "loom-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var first, second []time.Duration
	for i := range rounds {
		folder := filepath.Join(dir, strconv.Itoa(i))
		for _, list := range []*[]time.Duration{&first, &second} {
			took, err := startProcess(folder)
			if err != nil {
				return err
			}
			*list = append(*list, took)
		}
	}
	fmt.Printf("\n%d plugins, one instance each, until all are configured; %d starts\n", len(samples()), rounds)
	for i, list := range [][]time.Duration{first, second} {
		name := [...]string{"first start", "second start"}[i]
		slices.Sort(list)
		fmt.Printf("%-24s median %v, best %v\n", name, list[len(list)/2].Round(100*time.Microsecond), list[0].Round(100*time.Microsecond))
	}
	return nil
}

func startProcess(folder string) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(context.Background(), self, "-start", folder)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	return time.ParseDuration(strings.TrimSpace(string(out)))
}

// startOnce loads the samples one after the other, as a gateway does, and prints how long that took.
func startOnce(folder string) error {
	specs := make([]plugin.Spec, 0, len(samples()))
	for _, s := range samples() {
		code, err := os.ReadFile(s.module)
		if err != nil {
			return err
		}
		specs = append(specs, plugin.Spec{Name: filepath.Base(s.module), Code: code, Config: s.config, Instances: 1})
	}
	began := time.Now()
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
	fmt.Println(time.Since(began))
	return errors.Join(problems...)
}
