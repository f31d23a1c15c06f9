package http1test

import (
	"maps"
	"net/http"
	"testing"
)

// Engine is a way to a backend.
type Engine struct {
	// Name by which a case knows its differences.
	Name string
	// To makes a client of the backend at an address. It has the connections to itself.
	To func(t *testing.T, address string) http.RoundTripper
}

// Names of the engines.
const (
	Loom     = "loom"     // internal/http1
	Stock    = "stock"    // http.Transport
	Composed = "composed" // Caddy's reverse_proxy around http.Transport
	Gateway  = "gateway"  // the whole gateway with Loom's client
)

// Case is one exchange.
type Case struct {
	Name string
	// Method of the request. Default: GET.
	Method string
	// Answer of the backend to its first request, byte by byte; then it waits for more.
	Answer string
	// Hangup closes the connection after the answer.
	Hangup bool
	// Want is the outcome, and Next what the next request finds: same, new, or nothing when it does not matter.
	Want, Next string
	// Differs are the outcomes of engines that do otherwise.
	Differs map[string]string
	// Why they do, and why that is accepted.
	Why string
}

// Run runs the table and the scripted exchanges.
func Run(t *testing.T, e Engine) {
	for _, table := range [][]Case{lengths(), chunks(), trailers(), codings(), heads(), fields(), statuses(), bodiless(), broken()} {
		for _, c := range table {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				c.run(t, e)
			})
		}
	}
	for name, run := range scripts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, e)
		})
	}
}

// lenient is a case that net/http takes for something else, alone and behind Caddy's reverse_proxy.
func (c Case) lenient(outcome, why string) Case {
	c.Differs = map[string]string{Stock: outcome, Composed: outcome}
	c.Why = why
	return c
}

// composed corrects lenient for what reverse_proxy makes of it.
func (c Case) composed(outcome, why string) Case {
	c.Differs = maps.Clone(c.Differs)
	c.Differs[Composed] = outcome
	c.Why += "; " + why
	return c
}

func (c Case) run(t *testing.T, e Engine) {
	b := startBackend(t, func(conn *Conn) {
		conn.ReadRequest()
		conn.Send(c.Answer)
		if c.Hangup {
			conn.Close()
		}
	})
	client := e.To(t, b.Address)
	got := outcome(t, client, b.request(t, c.Method, "/first", nil))
	if c.Next != "" {
		got += ", next " + b.next(t, client)
	}
	want, differs := c.Differs[e.Name]
	if !differs {
		want = c.Want
		if c.Next != "" {
			want += ", next " + c.Next
		}
	}
	if got != want {
		t.Errorf("got %q, want %q (%s)", got, want, c.Why)
	}
}
