package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loom-gateway/loom/internal/adminclient"
)

// healthPatience is shorter than the time that container engines and systemd give a check.
const healthPatience = 4 * time.Second

// healthCommand is a health check for where no other program is, such as in the container image.
func healthCommand() *cobra.Command {
	var address string
	var ready bool
	c := &cobra.Command{
		Use: "health", Short: "Asks a running gateway whether it is well; the exit status is 0 if so, and 1 if not", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			c.SilenceUsage = true
			path := "/health"
			if ready {
				path = "/ready"
			}
			return askHealth(contextOf(c), c.OutOrStdout(), address, path)
		},
	}
	c.Flags().StringVar(&address, "address", adminAddress(os.Getenv), "where the admin API listens, host:port, a URL, or unix//path; LOOM_ADMIN sets the default")
	c.Flags().BoolVar(&ready, "ready", false, "ask whether it takes requests, which it does not while it starts and stops")
	return c
}

// adminAddress is where the admin API listens if nothing else is said.
func adminAddress(getenv func(string) string) string {
	if address := getenv("LOOM_ADMIN"); address != "" {
		return address
	}
	return "127.0.0.1:9091"
}

// askHealth prints the answer, and fails if it is anything but 200.
func askHealth(ctx context.Context, out io.Writer, address, path string) error {
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	client, err := adminclient.New(address, "")
	if err != nil {
		return err
	}
	body, err := client.Raw(ctx, path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, strings.TrimSpace(string(body)))
	return err
}
