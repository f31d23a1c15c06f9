// Package cmd is Loom's part of the command line; all the rest is Caddy's own.
//
// A build made with xcaddy gets the subcommand `caddy loom …` by importing this package. The loom binary
// calls [Setup] first, so that `loom -config loom.yaml` and its like need not name the config adapter.
package cmd
