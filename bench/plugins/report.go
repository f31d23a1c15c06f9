package main

import (
	"fmt"
	"io"

	"github.com/loom-gateway/loom/bench/process"
)

// report prints a table in Markdown. An increment is the difference to the route without a plugin in the same round; of all
// rounds the median counts, and the quartiles say how sure it is.
func report(w io.Writer, gateways []*gateway, seen samples) {
	fmt.Fprint(w, "| plugin |")
	for _, g := range gateways {
		fmt.Fprintf(w, " %s, µs | increment (quartiles) |", g.Name)
	}
	fmt.Fprint(w, " Loom ÷ Envoy |\n|---|---:|---:|---:|---:|---:|\n")
	for _, work := range works() {
		fmt.Fprintf(w, "| %s |", work)
		var increments []float64
		for _, g := range gateways {
			fmt.Fprintf(w, " %.1f |", process.Quantile(seen[g][work], 0.5))
			if work == bare {
				fmt.Fprint(w, " |")
				continue
			}
			more := differences(seen[g][work], seen[g][bare])
			increments = append(increments, process.Quantile(more, 0.5))
			fmt.Fprintf(w, " %+.1f (%.1f to %.1f) |", process.Quantile(more, 0.5), process.Quantile(more, 0.25), process.Quantile(more, 0.75))
		}
		if work == bare {
			fmt.Fprintln(w, " |")
			continue
		}
		fmt.Fprintf(w, " %.2f |\n", increments[1]/increments[0])
	}
}

func differences(with, without []float64) []float64 {
	more := make([]float64, len(with))
	for i := range with {
		more[i] = with[i] - without[i]
	}
	return more
}
