// Command loom is Caddy's command line with Loom's modules in it.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/loom-gateway/loom"
	"github.com/loom-gateway/loom/cmd"
)

func main() {
	cmd.Setup()
	cmd.TuneCollector()
	caddycmd.Main()
}
