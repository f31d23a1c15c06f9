package cmd

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loom-gateway/loom/internal/adminclient"
)

// topCommand shows upstreams and plugins with their rates, again and again on a terminal, else once.
func topCommand() *cobra.Command {
	flags, interval := &adminFlags{}, 2*time.Second
	c := &cobra.Command{
		Use: "top", Short: "Shows what a running gateway is doing, live on a terminal", Args: cobra.NoArgs,
		Long: "Shows upstreams and plugins with their rates over the last interval. On a terminal it goes on until Ctrl-C; elsewhere it prints once.",
	}
	flags.add(c)
	c.Flags().DurationVarP(&interval, "interval", "n", interval, "time between two looks, 100ms at least")
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := flags.client()
		if err != nil {
			return err
		}
		if flags.json {
			return topJSON(contextOf(c), client, c.OutOrStdout())
		}
		ctx, stop := signal.NotifyContext(contextOf(c), os.Interrupt)
		defer stop()
		t := &top{client: client, out: c.OutOrStdout(), interval: max(interval, 100*time.Millisecond)}
		return t.run(ctx, isTerminal(t.out))
	}
	return c
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// top remembers the counters of the last look.
type top struct {
	client   *adminclient.Client
	out      io.Writer
	interval time.Duration

	at       time.Time
	counters map[string]float64
}

const (
	clearScreen = "\x1b[H\x1b[2J"
	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
)

// run looks twice, so that there are rates, and goes on when it is live.
func (t *top) run(ctx context.Context, live bool) error {
	if live {
		_, _ = io.WriteString(t.out, hideCursor)
		defer func() { _, _ = io.WriteString(t.out, showCursor) }()
	}
	for look := 0; ; look++ {
		var screen bytes.Buffer
		if err := t.look(ctx, &screen); err != nil {
			if ctx.Err() != nil {
				return nil // Ctrl-C is how it ends
			}
			return err
		}
		if live {
			_, _ = io.WriteString(t.out, clearScreen)
		}
		if live || look == 1 {
			if _, err := screen.WriteTo(t.out); err != nil {
				return err
			}
		}
		if !live && look == 1 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(t.interval):
		}
	}
}

// look writes one screen.
func (t *top) look(ctx context.Context, screen *bytes.Buffer) error {
	var info adminclient.Info
	if err := t.client.Get(ctx, "/info", &info); err != nil {
		return err
	}
	upstreams, err := t.client.Upstreams(ctx)
	if err != nil {
		return err
	}
	plugins, err := t.client.Plugins(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	rates := &rates{before: t.counters, now: map[string]float64{}, seconds: now.Sub(t.at).Seconds()}
	fmt.Fprintf(screen, "loom %s   up %s   config %s%s\n\n", printable(info.Loom), time.Duration(info.UptimeSeconds*float64(time.Second)).Round(time.Second),
		info.Config.Digest[:min(12, len(info.Config.Digest))], reloadNote(info))
	if err := topUpstreams(screen, upstreams, rates); err != nil {
		return err
	}
	screen.WriteByte('\n')
	t.at, t.counters = now, rates.now
	return topPlugins(screen, plugins, rates)
}

func reloadNote(info adminclient.Info) string {
	if r := info.Config.LastReload; r != nil && !r.Successful {
		return "   the last reload was refused"
	}
	return ""
}

// rates are the growth of counters since the last look.
type rates struct {
	before, now map[string]float64
	seconds     float64
}

func (r *rates) of(counter string, value float64) (perSecond float64, known bool) {
	last, known := r.before[counter]
	r.now[counter] = value
	if !known || value < last || r.seconds <= 0 {
		return 0, false
	}
	return (value - last) / r.seconds, true
}

func (r *rates) text(counter string, value float64, format string, factor float64) string {
	rate, known := r.of(counter, value)
	if !known {
		return ""
	}
	return fmt.Sprintf(format, rate*factor)
}

func topUpstreams(out io.Writer, upstreams []adminclient.Upstream, r *rates) error {
	rows := [][]string{}
	for _, u := range upstreams {
		for _, e := range u.Endpoints {
			key := "upstream " + u.Name + " " + e.Address
			failed := e.Responses["error"] + e.Responses["5xx"]
			rows = append(rows, []string{
				u.Name, e.Address, endpointHealth(e), e.Breaker, r.text(key, float64(e.Requests), "%.1f", 1),
				r.text(key+" failed", float64(failed), "%.1f", 1), strconv.FormatInt(e.InFlight, 10), connections(e), duration(u.Latency.P99Seconds),
				cmp.Or(e.LastError, e.LastProbe),
			})
		}
	}
	return columns(out, []string{"UPSTREAM", "ENDPOINT", "HEALTH", "BREAKER", "REQ/S", "ERR/S", "IN FLIGHT", "CONNECTIONS", "P99", "LAST ERROR"}, rows)
}

func topPlugins(out io.Writer, plugins []adminclient.Plugin, r *rates) error {
	rows := [][]string{}
	for _, p := range plugins {
		cost := total(p)
		rows = append(rows, []string{
			p.Name, pluginState(p), strings.ReplaceAll(p.Breaker.State, "_", "-"), r.text("plugin "+p.Name, float64(cost.Calls), "%.1f", 1),
			r.text("plugin seconds "+p.Name, cost.Seconds, "%.2f %%", 100), duration(cost.P99Seconds), mebibytes(p), strconv.FormatInt(p.Traps, 10),
		})
	}
	return columns(out, []string{"PLUGIN", "STATE", "BREAKER", "CALLS/S", "PROCESSOR", "P99", "MEMORY", "TRAPS"}, rows)
}
