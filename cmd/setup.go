package cmd

import (
	"os"
	"runtime/debug"

	"github.com/caddyserver/caddy/v2"
)

// Importing Loom makes `caddy run --adapter loom` take the loom.yaml that lies there. Caddy gives a module no
// other moment before it reads the command line, and refuses exactly these lines otherwise.
func init() {
	os.Args = Complete(os.Args, fileExists)
}

// Setup makes Caddy's command line Loom's: name, description, version and the rewritten arguments.
// Call it once, before caddycmd.Main.
func Setup() {
	caddy.CustomBinaryName = "loom"
	caddy.CustomLongDescription = description
	// Caddy's own version follows this in `loom version`.
	caddy.CustomVersion = "Loom " + Version() + ", Caddy"
	os.Args = Rewrite(os.Args, fileExists)
}

// version is set by the linker: -ldflags "-X github.com/loom-gateway/loom/cmd.version=v1.2.3".
var version string

// Version of Loom: what the linker was told, else what Go recorded about the module, else `devel`.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	return recorded(info)
}

// recorded finds Loom's version in a binary of its own, or among the dependencies of an xcaddy build.
func recorded(info *debug.BuildInfo) string {
	const path = "github.com/loom-gateway/loom"
	found := ""
	if info.Main.Path == path {
		found = info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			found = dep.Version
		}
	}
	if found == "" || found == "(devel)" {
		return "devel"
	}
	return found
}

func fileExists(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir()
}

const description = `Loom is an API gateway for Proxy-Wasm plugins, built of Caddy modules.

Write a loom.yaml:

	listeners:
	  - {name: http, address: ":8080", protocol: http}
	routes:
	  - id: api
	    path: /api/*
	    upstream: backend
	    plugins: [rate-limit]
	upstreams:
	  - name: backend
	    endpoints: ["localhost:3000"]

and start it:

	$ loom                                  (finds ./loom.yaml, then configs/loom.yaml)
	$ loom -config path/to/loom.yaml

More of what is used every day:

	$ loom validate --config loom.yaml      says yes, or the line and what to write instead
	$ loom adapt --config loom.yaml --pretty    the Caddy configuration it stands for
	$ loom reload --config loom.yaml        changes a running gateway, no request is lost
	$ loom health                           asks the admin API of a running gateway
	$ loom upstreams                        what a running gateway does: also routes, plugins, and top, which is live
	$ loom plugin inspect plugin.wasm       what a plugin needs and offers

Files that end in .yaml or .yml are read as loom.yaml; Caddyfiles and JSON are read as Caddy reads them.
Every command and flag of Caddy is there; where its help says caddy, write loom.`
