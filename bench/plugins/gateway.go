package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/loom-gateway/loom/bench/process"
)

type object = process.Object

// setup is what a gateway is started with.
type setup struct {
	options
	guest, dir, backend string
}

// gateway is a running gateway.
type gateway struct {
	process.Process
	addresses map[string]string // by work
}

// host is the name by which a route is asked for.
func host(work string) string { return work + ".test" }

// start runs a command until every route answers.
func (g *gateway) start(ctx context.Context, path string, args ...string) (*gateway, error) {
	err := g.Start(ctx, func(ctx context.Context) error {
		for _, work := range works() {
			if err := g.ask(ctx, work); err != nil {
				return fmt.Errorf("the route with plugin %s: %w", work, err)
			}
		}
		return nil
	}, path, args...)
	return g, err
}

func (g *gateway) ask(ctx context.Context, work string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.addresses[work]+"/path", http.NoBody)
	if err != nil {
		return err
	}
	r.Host = host(work)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}
