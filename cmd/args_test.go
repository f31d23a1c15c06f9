package cmd

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var inConfigs = filepath.Join("configs", "loom.yaml")

func TestRewrite(t *testing.T) {
	for _, c := range []struct {
		name, args, files, want string
	}{
		{"one dash", "-config x.yaml", "", "run --config x.yaml --adapter loom"},
		{"one dash, inline", "-config=x.yaml", "", "run --config=x.yaml --adapter loom"},
		{"two dashes", "--config x.yaml", "", "run --config x.yaml --adapter loom"},
		{"two dashes, inline", "--config=x.yml", "", "run --config=x.yml --adapter loom"},
		{"short", "-c x.yaml", "", "run -c x.yaml --adapter loom"},
		{"upper case ending", "-config X.YAML", "", "run --config X.YAML --adapter loom"},
		{"more flags", "-config x.yaml --watch", "", "run --config x.yaml --watch --adapter loom"},
		{"last one wins", "run --config a.json --config b.yaml", "", "run --config a.json --config b.yaml --adapter loom"},

		{"bare, beside a loom.yaml", "", "loom.yaml", "run --config loom.yaml --adapter loom"},
		{"bare, in configs", "", inConfigs, "run --config " + inConfigs + " --adapter loom"},
		{"bare, both", "", "loom.yaml " + inConfigs, "run --config loom.yaml --adapter loom"},
		{"bare, a Caddyfile too", "", "loom.yaml Caddyfile", "run --config loom.yaml --adapter loom"},
		{"bare, nothing", "", "", ""},

		{"run", "run --config x.yaml", "", "run --config x.yaml --adapter loom"},
		{"start", "start --config x.yaml", "", "start --config x.yaml --adapter loom"},
		{"stop", "stop --config x.yaml", "", "stop --config x.yaml --adapter loom"},
		{"reload", "reload --config x.yaml --force", "", "reload --config x.yaml --force --adapter loom"},
		{"validate", "validate -config x.yaml", "", "validate --config x.yaml --adapter loom"},
		{"adapt", "adapt --config x.yaml --pretty", "", "adapt --config x.yaml --pretty --adapter loom"},

		{"run, found", "run", "loom.yaml", "run --config loom.yaml --adapter loom"},
		{"run, found in configs", "run --watch", inConfigs, "run --watch --config " + inConfigs + " --adapter loom"},
		{"reload, found", "reload", "loom.yaml", "reload --config loom.yaml --adapter loom"},
		{"adapt, found", "adapt", "loom.yaml", "adapt --config loom.yaml --adapter loom"},
		{"run, a Caddyfile too", "run", "loom.yaml Caddyfile", "run"},
		{"run, nothing", "run", "", "run"},
		{"stop at an address", "stop --address localhost:2020", "loom.yaml", "stop --address localhost:2020"},

		{"adapter, no config", "run --adapter loom", "loom.yaml", "run --adapter loom --config loom.yaml"},
		{"adapter, a Caddyfile too", "run --adapter loom", "loom.yaml Caddyfile", "run --adapter loom --config loom.yaml"},
		{"adapter, nothing", "run --adapter loom", "", "run --adapter loom"},
		{"other adapter", "run --adapter caddyfile", "loom.yaml", "run --adapter caddyfile"},
		{"other adapter for a yaml", "run --config x.yaml --adapter yaml", "", "run --config x.yaml --adapter yaml"},
		{"short adapter", "run -c x.yaml -a yaml", "", "run -c x.yaml -a yaml"},

		{"json", "run --config x.json", "", "run --config x.json"},
		{"one dash, json", "-config x.json", "", "run --config x.json"},
		{"Caddyfile", "-config Caddyfile", "", "run --config Caddyfile"},
		{"Caddyfile with an ending", "run --config Caddyfile.yaml", "", "run --config Caddyfile.yaml"},
		{"standard input", "run --config -", "loom.yaml", "run --config -"},

		{"version", "version", "loom.yaml", "version"},
		{"help", "--help", "loom.yaml", "--help"},
		{"unknown command", "frobnicate --config x.yaml", "loom.yaml", "frobnicate --config x.yaml"},
		{"Caddy's command", "reverse-proxy --from :1 --to :2", "loom.yaml", "reverse-proxy --from :1 --to :2"},
		{"after two dashes", "run -- --config x.yaml", "", "run -- --config x.yaml"},
		{"routes", "routes --config x.yaml", "loom.yaml", "loom routes --config x.yaml"},
		{"upstreams", "upstreams --json", "loom.yaml", "loom upstreams --json"},
		{"plugins", "plugins", "loom.yaml", "loom plugins"},
		{"top", "top -n 1s", "", "loom top -n 1s"},
		{"our command", "plugin inspect x.wasm", "loom.yaml", "loom plugin inspect x.wasm"},
		{"our health check", "health --ready", "loom.yaml", "loom health --ready"},
		{"our command in full", "loom plugin inspect x.wasm", "loom.yaml", "loom plugin inspect x.wasm"},
		{"what start executes", "run --pingback 1.2.3.4:5 --config x.yaml --adapter loom", "loom.yaml", "run --pingback 1.2.3.4:5 --config x.yaml --adapter loom"},
	} {
		t.Run(c.name, func(t *testing.T) {
			exists := among(c.files)
			given := append([]string{"loom"}, strings.Fields(c.args)...)
			before := slices.Clone(given)
			once := Rewrite(given, exists)
			if got := strings.Join(once[1:], " "); got != c.want {
				t.Errorf("loom %s:\n got loom %s\nwant loom %s", c.args, got, c.want)
			}
			if !slices.Equal(given, before) {
				t.Errorf("the arguments given were changed to %v", given)
			}
			if twice := Rewrite(once, exists); !slices.Equal(twice, once) {
				t.Errorf("a second pass gives %v after %v", twice, once)
			}
		})
	}
}

func TestRewriteNoArguments(t *testing.T) {
	if got := Rewrite(nil, among("loom.yaml")); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestComplete(t *testing.T) {
	for _, c := range []struct{ args, files, want string }{
		{"run --adapter loom", "loom.yaml", "run --adapter loom --config loom.yaml"},
		{"run --adapter=loom", inConfigs, "run --adapter=loom --config " + inConfigs},
		{"run -a loom", "loom.yaml Caddyfile", "run -a loom --config loom.yaml"},
		{"run --adapter loom", "Caddyfile", "run --adapter loom"},
		{"run --adapter loom --config x.yaml", "loom.yaml", "run --adapter loom --config x.yaml"},
		{"run --adapter caddyfile", "loom.yaml", "run --adapter caddyfile"},
		{"run", "loom.yaml", "run"},
		{"", "loom.yaml", ""},
		{"version", "loom.yaml", "version"},
		{"-test.v --adapter loom", "loom.yaml", "-test.v --adapter loom"},
	} {
		given := append([]string{"caddy"}, strings.Fields(c.args)...)
		if got := strings.Join(Complete(given, among(c.files))[1:], " "); got != c.want {
			t.Errorf("caddy %s: got %q, want %q", c.args, got, c.want)
		}
	}
}

func among(files string) func(string) bool {
	return func(name string) bool { return slices.Contains(strings.Fields(files), name) }
}
