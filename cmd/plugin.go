package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
		Name: "loom", Usage: "plugin inspect <file.wasm>", Short: "Commands of the Loom gateway",
		CobraFunc: func(c *cobra.Command) { c.AddCommand(pluginCommand()) },
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

// inspectPlugin compiles the module, but does not run it.
func inspectPlugin(ctx context.Context, out io.Writer, path string) error {
	if ctx == nil {
		ctx = context.Background()
	}
	code, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the plugin: %w", err)
	}
	m, err := proxywasm.Compile(ctx, code, proxywasm.Options{Name: path})
	if err != nil {
		return fmt.Errorf("%s cannot be loaded: %w", path, err)
	}
	info := m.Info()
	_, err = fmt.Fprintf(out, "ABI version  %s\nsize         %d bytes\ncallbacks    %s\n", info.ABIVersion, info.Size, callbacks(m))
	for _, name := range info.Imports {
		_, werr := fmt.Fprintf(out, "imports      %s\n", name)
		err = errors.Join(err, werr)
	}
	return errors.Join(err, m.Close(ctx))
}

func callbacks(m *proxywasm.Module) string {
	var names []string
	for _, c := range abi.Callbacks() {
		if m.Has(c) {
			names = append(names, c.String())
		}
	}
	if names == nil {
		return "none of a request's"
	}
	return strings.Join(names, " ")
}
