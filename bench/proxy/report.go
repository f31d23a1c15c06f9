package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/loom-gateway/loom/bench/process"
)

// sample is what was seen of one case of one gateway, by round.
type sample struct {
	cpu, p50, p99 []float64
	perSecond     float64 // what it answered in the warm-up
}

type samples map[*gateway]map[string]*sample

// measure has every gateway take its turn in every case, so that whatever else the machine does is in all of them. The first
// round warms up and does not count.
func measure(ctx context.Context, o options, gateways []*gateway) (samples, error) {
	seen := samples{}
	for _, g := range gateways {
		seen[g] = map[string]*sample{}
		for _, k := range cases(o.cases) {
			seen[g][k.name] = &sample{}
		}
	}
	for round := range o.rounds + 1 {
		for _, k := range cases(o.cases) {
			for _, g := range gateways {
				s := seen[g][k.name]
				var err error
				if round == 0 {
					_, s.perSecond, err = cost(ctx, g.of(k), k, o)
				} else {
					err = s.take(ctx, g.of(k), k, seen.rate(o, gateways, k), o)
				}
				if err != nil {
					return nil, fmt.Errorf("measuring %s, %s: %w", g.name, k.name, err)
				}
			}
		}
		fmt.Fprintf(os.Stderr, "\rround %d of %d", round, o.rounds)
	}
	fmt.Fprintln(os.Stderr)
	return seen, nil
}

// rate is at how many requests a second latencies are taken: the same for all gateways, so a slow one may be over its load.
func (s samples) rate(o options, gateways []*gateway, k kase) int {
	if o.rate > 0 {
		return o.rate
	}
	least := s[gateways[0]][k.name].perSecond
	for _, g := range gateways {
		if g.name == "Envoy" {
			least = min(least, s[g][k.name].perSecond)
		}
	}
	return max(int(least/2), 1)
}

func (s *sample) take(ctx context.Context, p *running, k kase, rate int, o options) error {
	cpu, _, err := cost(ctx, p, k, o)
	if err != nil {
		return err
	}
	s.cpu = append(s.cpu, cpu)
	took, err := latencies(ctx, p, k, rate, o)
	if err != nil {
		return err
	}
	s.p50 = append(s.p50, process.Quantile(took, 0.5))
	s.p99 = append(s.p99, process.Quantile(took, 0.99))
	return nil
}

// report prints tables in Markdown: medians over the rounds, and how the first gateway compares with each of the others in CPU time.
func report(w io.Writer, o options, gateways []*gateway, seen samples) error {
	first := gateways[0]
	fmt.Fprint(w, "| CPU µs per request |")
	for _, g := range gateways {
		fmt.Fprintf(w, " %s |", g.name)
	}
	for _, g := range gateways[1:] {
		fmt.Fprintf(w, " %s ÷ %s |", first.name, g.name)
	}
	fmt.Fprint(w, "\n|---|")
	for range 2*len(gateways) - 1 {
		fmt.Fprint(w, "---:|")
	}
	fmt.Fprintln(w)
	for _, k := range cases(o.cases) {
		fmt.Fprintf(w, "| %s |", k.name)
		for _, g := range gateways {
			fmt.Fprintf(w, " %.1f |", process.Quantile(seen[g][k.name].cpu, 0.5))
		}
		for _, g := range gateways[1:] {
			fmt.Fprintf(w, " %.2f |", ratio(seen[first][k.name].cpu, seen[g][k.name].cpu))
		}
		fmt.Fprintln(w)
	}
	reportLatencies(w, o, gateways, seen)
	return reportMemory(w, gateways)
}

// ratio is the median of the rounds' ratios.
func ratio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return process.Quantile(ratios, 0.5)
}

func reportLatencies(w io.Writer, o options, gateways []*gateway, seen samples) {
	fmt.Fprint(w, "\n| p50 / p99 in ms | requests a second |")
	for _, g := range gateways {
		fmt.Fprintf(w, " %s |", g.name)
	}
	fmt.Fprint(w, "\n|---|---:|")
	for range gateways {
		fmt.Fprint(w, "---:|")
	}
	fmt.Fprintln(w)
	for _, k := range cases(o.cases) {
		fmt.Fprintf(w, "| %s | %d |", k.name, seen.rate(o, gateways, k))
		for _, g := range gateways {
			s := seen[g][k.name]
			fmt.Fprintf(w, " %.2f / %.2f |", process.Quantile(s.p50, 0.5)/1000, process.Quantile(s.p99, 0.5)/1000)
		}
		fmt.Fprintln(w)
	}
}

func reportMemory(w io.Writer, gateways []*gateway) error {
	fmt.Fprint(w, "\n| resident MiB, 10 / 10000 routes |")
	for _, g := range gateways {
		var sizes [2]int64
		for i, p := range g.processes {
			var err error
			if sizes[i], err = p.Memory(); err != nil {
				return err
			}
		}
		fmt.Fprintf(w, " %s %d / %d |", g.name, sizes[0]>>20, sizes[1]>>20)
	}
	fmt.Fprintln(w)
	return nil
}
