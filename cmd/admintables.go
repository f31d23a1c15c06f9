package cmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/loom-gateway/loom/internal/adminclient"
)

// columns aligns rows of cells; what is empty is a dash.
func columns(out io.Writer, head []string, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range slices.Concat([][]string{head}, rows) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = cmp.Or(printable(cell), "-")
		}
		if _, err := io.WriteString(w, strings.Join(cells, "\t")+"\n"); err != nil {
			return err
		}
	}
	return w.Flush()
}

// printable keeps what a backend or a plugin has said from moving the cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}

func printRoutes(ctx context.Context, c *adminclient.Client, out io.Writer) error {
	routes, err := c.Routes(ctx)
	if err != nil {
		return err
	}
	rows := [][]string{}
	for _, r := range routes {
		rows = append(rows, []string{
			r.ID, cmp.Or(strings.Join(r.Methods, ","), "all"), strings.Join(matches(r), " "), strings.Join(r.Plugins, ","), r.Upstream,
			duration(r.TimeoutSeconds),
		})
	}
	return columns(out, []string{"ROUTE", "METHODS", "MATCH", "PLUGINS", "UPSTREAM", "TIMEOUT"}, rows)
}

// matches are the hosts with the paths, and what else a request must have.
func matches(r adminclient.Route) (list []string) {
	hosts, paths := r.Hosts, r.Paths
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	if len(paths) == 0 {
		paths = []string{"/*"}
	}
	for _, h := range hosts {
		for _, p := range paths {
			list = append(list, h+p)
		}
	}
	for _, name := range r.Headers {
		list = append(list, name+":")
	}
	for _, name := range r.Query {
		list = append(list, "?"+name)
	}
	return list
}

func printUpstreams(ctx context.Context, c *adminclient.Client, out io.Writer) error {
	upstreams, err := c.Upstreams(ctx)
	if err != nil {
		return err
	}
	rows := [][]string{}
	for _, u := range upstreams {
		for _, e := range u.Endpoints {
			rows = append(rows, []string{
				u.Name, e.Address, strconv.Itoa(e.Weight), endpointHealth(e), e.Breaker, strconv.FormatUint(e.Requests, 10),
				strconv.FormatUint(e.Responses["error"]+e.Responses["5xx"], 10), strconv.FormatInt(e.InFlight, 10), connections(e), cmp.Or(e.LastError, e.LastProbe),
			})
		}
	}
	return columns(out, []string{"UPSTREAM", "ENDPOINT", "WEIGHT", "HEALTH", "BREAKER", "REQUESTS", "ERRORS", "IN FLIGHT", "CONNECTIONS", "LAST ERROR"}, rows)
}

func endpointHealth(e adminclient.Endpoint) string {
	switch {
	case e.Health == "unhealthy":
		return e.Health
	case e.EjectedUntil != nil:
		return "ejected"
	case !e.Available:
		return "out"
	}
	return cmp.Or(e.Health, "in use")
}

func connections(e adminclient.Endpoint) string {
	return fmt.Sprintf("%d+%d idle", e.Connections.Active, e.Connections.Idle)
}

func printPlugins(ctx context.Context, c *adminclient.Client, out io.Writer) error {
	plugins, err := c.Plugins(ctx)
	if err != nil {
		return err
	}
	rows := [][]string{}
	for _, p := range plugins {
		cost := total(p)
		mean := 0.0
		if cost.Calls > 0 {
			mean = cost.Seconds / float64(cost.Calls)
		}
		rows = append(rows, []string{
			p.Name, p.Version, p.SHA256[:min(12, len(p.SHA256))], pluginState(p), strings.ReplaceAll(p.Breaker.State, "_", "-"),
			strconv.Itoa(len(p.Instances)), mebibytes(p), strconv.FormatUint(cost.Calls, 10), duration(mean), duration(cost.P99Seconds), strconv.FormatInt(p.Traps, 10),
			strings.Join(p.Routes, ","),
		})
	}
	return columns(out, []string{"PLUGIN", "VERSION", "SHA256", "STATE", "BREAKER", "INSTANCES", "MEMORY", "CALLS", "MEAN", "P99", "TRAPS", "ROUTES"}, rows)
}

// total adds up what the callbacks of requests and timers have cost; the quantile is that of the slowest.
func total(p adminclient.Plugin) (sum adminclient.PhaseCost) {
	for phase, cost := range p.Cost {
		if phase == "start" || phase == "on_vm_start" || phase == "on_configure" {
			continue
		}
		sum.Calls += cost.Calls
		sum.Seconds += cost.Seconds
		sum.P99Seconds = max(sum.P99Seconds, cost.P99Seconds)
	}
	return sum
}

func pluginState(p adminclient.Plugin) string {
	usable := 0
	for _, in := range p.Instances {
		if in.Failure == "" {
			usable++
		}
	}
	switch {
	case p.Disabled:
		return "disabled"
	case usable == 0:
		return "failed"
	case usable < len(p.Instances):
		return fmt.Sprintf("%d of %d usable", usable, len(p.Instances))
	}
	return "in use"
}

func mebibytes(p adminclient.Plugin) string {
	var n int64
	for _, in := range p.Instances {
		n += in.MemoryBytes
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// duration with three digits that count, or nothing.
func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d <= 0 {
		return ""
	}
	digit := time.Duration(1)
	for digit*1000 <= d {
		digit *= 10
	}
	return d.Round(digit).String()
}
