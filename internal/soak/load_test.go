package soak

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"
)

// load is clients that ask until it is stopped.
type load struct {
	t      *testing.T
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
	tables []*tally

	closers []func()
}

// tally counts for one kind of client.
type tally struct {
	name       string
	sent, lost atomic.Int64
	first      atomic.Pointer[string] // what was wrong at first
}

func newLoad(t *testing.T) *load {
	l := &load{t: t}
	l.ctx, l.cancel = context.WithCancel(t.Context())
	return l
}

func (l *load) tally(name string) *tally {
	c := &tally{name: name}
	l.tables = append(l.tables, c)
	return c
}

func (c *tally) lose(err error) {
	c.lost.Add(1)
	text := err.Error()
	c.first.CompareAndSwap(nil, &text)
}

// ask runs clients; each is made by its own call of make.
func (l *load) ask(name string, clients int, make func() exchange) {
	c := l.tally(name)
	for i := range clients {
		try := make()
		l.all.Go(func() {
			for n := 0; l.ctx.Err() == nil; n++ {
				c.sent.Add(1)
				id := strings.ReplaceAll(fmt.Sprintf("%s-%d-%d", name, i, n), " ", "-")
				if err := try(context.WithoutCancel(l.ctx), id); err != nil {
					c.lose(err)
				}
				time.Sleep(pace)
			}
		})
	}
}

// keep runs streams; one that ends is lost, and is opened again.
func (l *load) keep(name string, streams int, run stream) {
	c := l.tally(name)
	for range streams {
		l.all.Go(func() {
			for l.ctx.Err() == nil {
				if err := run(l.ctx, func() { c.sent.Add(1) }); err != nil && l.ctx.Err() == nil {
					c.lose(err)
				}
			}
		})
	}
}

// stop ends the load and returns its table.
func (l *load) stop() string {
	l.cancel()
	l.all.Wait()
	for _, end := range l.closers {
		end()
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, c := range l.tables {
		first := ""
		if text := c.first.Load(); text != nil {
			first = *text
		}
		fmt.Fprintf(w, "%s\t%d\tlost %d\t%s\n", c.name, c.sent.Load(), c.lost.Load(), first)
	}
	w.Flush()
	return b.String()
}

// verdict fails the test for all that is lost, and for clients that had nothing to say.
func (l *load) verdict() {
	l.t.Helper()
	for _, c := range l.tables {
		if c.lost.Load() > 0 || c.sent.Load() == 0 {
			l.t.Errorf("%s: %d lost of %d", c.name, c.lost.Load(), c.sent.Load())
		}
	}
}
