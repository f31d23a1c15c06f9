package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
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
			return askHealth(c.Context(), c.OutOrStdout(), address, path)
		},
	}
	c.Flags().StringVar(&address, "address", adminAddress(os.Getenv), "where the admin API listens, host:port or unix//path; LOOM_ADMIN sets the default")
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
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	client, host := clientOf(address)
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking the gateway: %w", err)
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("asking the gateway: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return errors.New(reason(res.Status, body))
	}
	_, err = fmt.Fprintln(out, strings.TrimSpace(string(body)))
	return err
}

// clientOf asks at a Unix socket or at host:port, without the proxies of the environment.
func clientOf(address string) (client *http.Client, host string) {
	transport := &http.Transport{}
	path, socket := strings.CutPrefix(address, "unix/")
	switch {
	case socket:
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		address = "localhost"
	case strings.HasPrefix(address, ":"):
		address = "localhost" + address
	}
	return &http.Client{Transport: transport}, address
}

// reason is what the admin API says of a refusal.
func reason(status string, body []byte) string {
	var problem struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
		return status + ": " + problem.Detail
	}
	return status
}
