package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pollEvery is how often the sources are looked at.
const pollEvery = 500 * time.Millisecond

// develop runs the gateway with debug logging; when a source changes it builds, and starts the gateway anew. A build
// that fails, or a gateway that stops, waits for the next change.
func develop(ctx context.Context, o options, out io.Writer) {
	shown := false
	for before := newest("."); ctx.Err() == nil; {
		child, stop := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if err := o.debugOnce(child, out, &shown); err != nil && child.Err() == nil {
				fmt.Fprintf(out, "%v; waiting for a change\n", err)
			}
		}()
		before = untilBuilt(ctx, before, out)
		stop()
		<-ended
	}
}

// debugOnce runs the gateway until it ends.
func (o options) debugOnce(ctx context.Context, out io.Writer, shown *bool) error {
	config, err := o.debugConfig(ctx)
	if err != nil {
		return err
	}
	defer os.Remove(config)
	g, err := startGateway(ctx, o, config)
	if err != nil {
		return err
	}
	if g.waitReady(ctx, o.ports.gateway) && !*shown {
		printHints(out, o.ports)
		*shown = true
	}
	<-g.done
	return g.err
}

// debugConfig writes the adapted configuration with the log level DEBUG to a file.
func (o options) debugConfig(ctx context.Context) (string, error) {
	adapt := exec.CommandContext(ctx, o.loom, "adapt", "--config", o.config)
	adapt.Env, adapt.Stderr = o.environment(), os.Stderr
	adapted, err := adapt.Output()
	if err != nil {
		return "", fmt.Errorf("adapting %s: %w", o.config, err)
	}
	var document map[string]any
	if err := json.Unmarshal(adapted, &document); err != nil {
		return "", fmt.Errorf("reading the adapted configuration: %w", err)
	}
	document["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{"level": "DEBUG"}}}
	file, err := os.CreateTemp("", "loom-dev-*.json")
	if err != nil {
		return "", fmt.Errorf("writing the configuration: %w", err)
	}
	defer file.Close()
	return file.Name(), json.NewEncoder(file).Encode(document)
}

// untilBuilt waits for a change that builds, or for the end of ctx, and returns the time of the newest source.
func untilBuilt(ctx context.Context, before time.Time, out io.Writer) time.Time {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return before
		case <-tick.C:
		}
		now := newest(".")
		if !now.After(before) {
			continue
		}
		before = now
		fmt.Fprintln(out, "a source has changed: building")
		build := exec.CommandContext(ctx, "make", "build")
		build.Stdout, build.Stderr = out, out
		if err := build.Run(); err == nil {
			return before
		}
		fmt.Fprintln(out, "the build failed: the gateway goes on as it was")
	}
}

// newest is the time of the last change to a source below a folder.
func newest(root string) time.Time {
	var last time.Time
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // files come and go while one looks
		}
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "bin" || entry.Name() == "target") {
				return fs.SkipDir
			}
			return nil
		}
		if info, err := entry.Info(); err == nil && isSource(path) && info.ModTime().After(last) {
			last = info.ModTime()
		}
		return nil
	})
	return last
}

func isSource(path string) bool {
	return !strings.HasSuffix(path, "_test.go") && slices.Contains([]string{".go", ".mod", ".yaml", ".wasm"}, filepath.Ext(path))
}
