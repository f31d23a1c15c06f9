package cmd

import (
	"path/filepath"
	"slices"
	"strings"
)

const adapterName = "loom"

// Rewrite turns a command line of loom into one that Caddy's command line understands.
//
// It names the adapter for `.yaml` and `.yml` files, finds `./loom.yaml` or `configs/loom.yaml` when a command gets
// no config, and reads `-config FILE` without a command as `run`. Everything else, Caddyfiles and JSON among
// it, is left as it is. A rewritten line is left alone by a second pass: `start` executes the binary again.
// exists tells whether a file is there.
func Rewrite(args []string, exists func(name string) bool) []string {
	if len(args) == 0 {
		return args
	}
	rest := spellFlags(args[1:])
	switch {
	case len(rest) == 0:
		file := findConfig(exists)
		if file == "" {
			return args
		}
		rest = []string{"run", "--config", file}
	case isFlag(rest[0], "config", "c"):
		rest = append([]string{"run"}, rest...)
	case isOwn(rest[0]):
		return slices.Concat(args[:1], []string{adapterName}, args[1:])
	}
	if !takesConfig(rest[0]) {
		return args
	}
	return slices.Concat(args[:1], withConfig(rest, exists))
}

// Complete adds `--config` to a command that names Loom's adapter and no file, which Caddy refuses
// although a loom.yaml lies there. Every other command line is left as it is.
func Complete(args []string, exists func(name string) bool) []string {
	if len(args) < 2 || !takesConfig(args[1]) {
		return args
	}
	config, adapter := flagValue(args[2:], "config", "c"), flagValue(args[2:], "adapter", "a")
	file := findConfig(exists)
	if adapter != adapterName || config != "" || file == "" {
		return args
	}
	return slices.Concat(args, []string{"--config", file})
}

// withConfig names the config and the adapter for a command that takes both.
func withConfig(command []string, exists func(name string) bool) []string {
	config, adapter := flagValue(command[1:], "config", "c"), flagValue(command[1:], "adapter", "a")
	if config == "" && wantsDefault(command, adapter, exists) {
		if config = findConfig(exists); config != "" {
			command = slices.Concat(command, []string{"--config", config})
		}
	}
	if adapter == "" && isLoomFile(config) {
		command = slices.Concat(command, []string{"--adapter", adapterName})
	}
	return command
}

// wantsDefault tells whether a command without a config means the loom.yaml that lies around. Caddy
// takes an adjacent Caddyfile, and `stop` with an address needs no file.
func wantsDefault(command []string, adapter string, exists func(name string) bool) bool {
	if command[0] == "stop" && flagValue(command[1:], "address", "") != "" {
		return false
	}
	return adapter == adapterName || adapter == "" && !exists("Caddyfile")
}

// isOwn tells Loom's own commands, which stand below `loom` in every other Caddy.
func isOwn(command string) bool {
	return slices.Contains([]string{"health", "plugin", "plugins", "routes", "top", "upstreams"}, command)
}

func takesConfig(command string) bool {
	return slices.Contains([]string{"run", "start", "stop", "reload", "validate", "adapt"}, command)
}

func findConfig(exists func(name string) bool) string {
	for _, name := range []string{"loom.yaml", filepath.Join("configs", "loom.yaml")} {
		if exists(name) {
			return name
		}
	}
	return ""
}

// isLoomFile tells a loom.yaml by its ending. Caddy takes every name that begins with Caddyfile for one.
func isLoomFile(name string) bool {
	base := strings.ToLower(filepath.Base(name))
	ext := filepath.Ext(base)
	return (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(base, "caddyfile")
}

// spellFlags writes `-config` and `-adapter` with two dashes: one dash means a bundle of one-letter flags to Caddy.
func spellFlags(args []string) []string {
	spelled := slices.Clone(args)
	for i, arg := range spelled {
		name, _, _ := strings.Cut(arg, "=")
		if name == "-config" || name == "-adapter" {
			spelled[i] = "-" + arg
		}
	}
	return spelled
}

func isFlag(arg, long, short string) bool {
	name, _, _ := strings.Cut(arg, "=")
	return name == "--"+long || short != "" && name == "-"+short
}

// flagValue returns the last value of a flag, as Caddy does, and "" when it is not given.
func flagValue(args []string, long, short string) string {
	value := ""
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if !isFlag(arg, long, short) {
			continue
		}
		if _, inline, found := strings.Cut(arg, "="); found {
			value = inline
		} else if i+1 < len(args) {
			value = args[i+1]
		}
	}
	return value
}
