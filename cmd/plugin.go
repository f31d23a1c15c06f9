package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Loom's own commands stand below `loom`, so that a Caddy built with xcaddy has them too (`caddy loom plugin inspect`);
// in Loom's own binary they need no prefix, see Rewrite.
func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name: "loom", Usage: "health | routes | upstreams | plugins | top | plugin inspect <file.wasm>", Short: "Commands of the Loom gateway",
		CobraFunc: func(c *cobra.Command) { c.AddCommand(append(adminCommands(), healthCommand(), pluginCommand())...) },
	})
}

func pluginCommand() *cobra.Command {
	c := &cobra.Command{Use: "plugin", Short: "Commands for Proxy-Wasm plugins"}
	c.AddCommand(&cobra.Command{
		Use: "inspect <file.wasm>", Short: "Says what a plugin needs and offers, or why it cannot load", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return inspectPlugin(c.Context(), c.OutOrStdout(), args[0])
		},
	})
	return c
}

// inspectPlugin compiles the module, but does not run it. What is known of a module that cannot be loaded is printed too.
func inspectPlugin(ctx context.Context, out io.Writer, path string) error {
	if ctx == nil {
		ctx = context.Background()
	}
	code, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the plugin: %w", err)
	}
	info, refusal := proxywasm.Inspect(ctx, code, proxywasm.Options{Name: path})
	if _, err := io.WriteString(out, describe(info)); err != nil {
		return err
	}
	if refusal != nil {
		return fmt.Errorf("%s cannot be loaded: %w", path, refusal)
	}
	return nil
}

func describe(info proxywasm.Info) string {
	var b strings.Builder
	line := func(label, text string) { fmt.Fprintf(&b, "%-12s %s\n", label, text) }
	version := info.ABIVersion
	if version == "" {
		version = "not marked"
	}
	line("ABI version", version)
	if info.Version != "" {
		line("version", info.Version)
	}
	line("size", fmt.Sprintf("%d bytes", info.Size))
	line("callbacks", callbacks(info))
	if tcp := info.TCPCallbacks(); len(tcp) > 0 {
		line("not called", strings.Join(shortNames(tcp), " ")+" (Loom runs HTTP filters, these are for TCP)")
	}
	for _, name := range info.Imports {
		line("imports", name)
	}
	for _, name := range info.Missing {
		line("missing", name)
	}
	return b.String()
}

// callbacks lists those of a request in the order of its life, then the others.
func callbacks(info proxywasm.Info) string {
	var names []string
	exported := info.Callbacks()
	take := func(name string) {
		if i := slices.Index(exported, name); i >= 0 {
			names, exported = append(names, name), slices.Delete(exported, i, i+1)
		}
	}
	for _, c := range abi.Callbacks() {
		take(c.Export())
	}
	if names == nil {
		names = []string{"none of a request's"}
	}
	tcp := info.TCPCallbacks()
	for _, name := range exported {
		if !slices.Contains(tcp, name) {
			names = append(names, name)
		}
	}
	return strings.Join(shortNames(names), " ")
}

func shortNames(exports []string) []string {
	short := make([]string, len(exports))
	for i, name := range exports {
		short[i] = strings.TrimPrefix(name, "proxy_")
	}
	return short
}
