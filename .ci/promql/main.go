// Command promql reads PromQL expressions, a line each, and prints for each a line of JSON: the series that it selects, with the
// labels that it expects on them. It fails at the first line that Prometheus' own parser does not take.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// selection is one selector of an expression.
type selection struct {
	Metric string   `json:"metric"`
	Labels []string `json:"labels"` // those that it matches, and by which it is aggregated
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "promql:", err)
		os.Exit(1)
	}
}

func run() error {
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		expression, err := parser.ParseExpr(lines.Text())
		if err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
		if err := out.Encode(selections(expression)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func selections(expression parser.Expr) (all []selection) {
	parser.Inspect(expression, func(node parser.Node, above []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		s := selection{Metric: selector.Name, Labels: []string{}}
		for _, m := range selector.LabelMatchers {
			if m.Name != labels.MetricName {
				s.Labels = append(s.Labels, m.Name)
			}
		}
		for _, n := range above {
			if by, ok := n.(*parser.AggregateExpr); ok && !by.Without {
				s.Labels = append(s.Labels, by.Grouping...)
			}
		}
		slices.Sort(s.Labels)
		s.Labels = slices.Compact(s.Labels)
		all = append(all, s)
		return nil
	})
	return all
}
