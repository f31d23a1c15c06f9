package soak

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// manyRoutes is a configuration with so many routes and ten upstreams; variant makes it another one.
func (s *scene) manyRoutes(routes, variant int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "listeners: [{address: %q}]\nroutes:\n  - {id: ws, path: /ws, upstream: streams}\n", s.plain)
	for i := range routes {
		fmt.Fprintf(&b, "  - {id: r%d, path: \"/%d/{name}/*\", methods: [GET, POST], upstream: u%d, timeout: %ds}\n", i, i, i%10, 1+variant%2)
	}
	fmt.Fprintf(&b, "upstreams:\n  - {name: streams, endpoints: [%q]}\n", s.backends.streams)
	for i := range 10 {
		fmt.Fprintf(&b, "  - {name: u%d, endpoints: [%q]}\n", i, s.backends.api[i%2])
	}
	return b.String()
}

// TestThousandRoutes says how long a reload of a thousand routes takes, and what a replaced one keeps in memory that a WebSocket
// is still open of.
func TestThousandRoutes(t *testing.T) {
	const routes, rounds = 1000, 20
	s := newScene(t)
	g := start(t, build(t, "../../cmd/loom"), "text/loom", s.manyRoutes(routes, 0), "--adapter", "loom")
	var took []time.Duration
	for i := 1; i <= rounds; i++ {
		d, err := g.load(s.manyRoutes(routes, i))
		if err != nil {
			t.Fatal(err)
		}
		took = append(took, d)
	}
	slices.Sort(took)
	t.Logf("a reload of %d routes takes %v (median of %d, from %v to %v)", routes, took[rounds/2], rounds, took[0], took[rounds-1])

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	before := g.collected()
	broken := make(chan error, rounds)
	for i := range rounds {
		heard := make(chan struct{}, 1)
		go func() {
			broken <- webSocket(s.plain)(ctx, func() {
				select {
				case heard <- struct{}{}:
				default:
				}
			})
		}()
		select {
		case <-heard:
		case <-time.After(patience):
			t.Fatal("the WebSocket says nothing")
		}
		if _, err := g.load(s.manyRoutes(routes, i)); err != nil {
			t.Fatal(err)
		}
	}
	held := g.collected() - before
	t.Logf("%d replaced configurations of %d routes with a WebSocket each hold %d KB of heap, each %d KB", rounds, routes, held>>10, held/rounds>>10)
	select {
	case err := <-broken:
		t.Errorf("a WebSocket was closed: %v", err)
	default:
	}
}
