package cmd

import (
	"os"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/lastconfig"
	"github.com/loom-gateway/loom/internal/version"
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
	caddy.CustomVersion = "Loom " + version.Loom() + ", Caddy"
	os.Args = Rewrite(os.Args, fileExists)
	var w *watcher
	if os.Args, w = takeWatch(os.Args); w != nil {
		w.start()
	}
	restoreSaved(os.Args)
}

// restoreSaved sees to it that `run --resume` finds a whole configuration, even if the process was killed while it saved one.
func restoreSaved(args []string) {
	if len(args) < 2 || args[1] != "run" || !hasFlag(args[2:], "--resume", "-r", "--resume=true", "-r=true") {
		return
	}
	log := caddy.Log().Named("loom")
	if restored, err := lastconfig.Restore(caddy.ConfigAutosavePath); err != nil {
		log.Error("reading the saved configuration", zap.Error(err))
	} else if restored {
		log.Warn("the saved configuration was cut off: resuming with the one before", zap.String("file", caddy.ConfigAutosavePath))
	}
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
