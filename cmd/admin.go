package cmd

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/loom-gateway/loom/internal/adminclient"
)

// adminFlags are those of every command that asks the admin API.
type adminFlags struct {
	address, token, config, adapter string
	json                            bool
}

func (f *adminFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.address, "address", "", "where the admin API is: host:port, a URL, or unix//path (default: $LOOM_ADMIN, then that of the config)")
	c.Flags().StringVar(&f.token, "token", os.Getenv("LOOM_ADMIN_TOKEN"), "token of the admin API (default: $LOOM_ADMIN_TOKEN)")
	c.Flags().Lookup("token").DefValue = "" // help does not print it
	c.Flags().StringVarP(&f.config, "config", "c", "", "config whose admin API is asked (default: ./loom.yaml, configs/loom.yaml, else 127.0.0.1:9091)")
	c.Flags().StringVarP(&f.adapter, "adapter", "a", "", "adapter of the config (default: by its name)")
	c.Flags().BoolVar(&f.json, "json", false, "print the JSON that the API answers")
}

func (f *adminFlags) client() (*adminclient.Client, error) {
	address := f.address
	if address == "" {
		var err error
		if address, err = configuredAdmin(f.config, f.adapter); err != nil {
			return nil, err
		}
	}
	return adminclient.New(address, f.token)
}

// table prints a part of the state as a table.
type table func(ctx context.Context, c *adminclient.Client, out io.Writer) error

// adminCommands are `routes`, `upstreams` and `plugins`, and `top`, which shows all of it again and again.
func adminCommands() []*cobra.Command {
	return []*cobra.Command{
		listCommand("routes", "Lists the routes of a running gateway", "/routes", printRoutes),
		listCommand("upstreams", "Lists the upstreams of a running gateway, with health and breakers", "/upstreams", printUpstreams),
		listCommand("plugins", "Lists the plugins of a running gateway, with what they cost", "/plugins", printPlugins),
		topCommand(),
	}
}

func listCommand(name, short, path string, print table) *cobra.Command {
	flags := &adminFlags{}
	c := &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs}
	flags.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := flags.client()
		if err != nil {
			return err
		}
		if flags.json {
			return printJSON(contextOf(c), client, c.OutOrStdout(), path)
		}
		return print(contextOf(c), client, c.OutOrStdout())
	}
	return c
}

func contextOf(c *cobra.Command) context.Context {
	if ctx := c.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

func printJSON(ctx context.Context, c *adminclient.Client, out io.Writer, path string) error {
	data, err := c.Raw(ctx, path)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}

// topJSON is one object with what the other commands print.
func topJSON(ctx context.Context, c *adminclient.Client, out io.Writer) error {
	all := map[string]json.RawMessage{}
	for _, part := range []string{"info", "upstreams", "plugins", "routes"} {
		data, err := c.Raw(ctx, "/"+part)
		if err != nil {
			return err
		}
		if part != "info" {
			inner := map[string]json.RawMessage{}
			if err := json.Unmarshal(data, &inner); err != nil {
				return err
			}
			data = inner[part]
		}
		all[part] = data
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(all)
}
