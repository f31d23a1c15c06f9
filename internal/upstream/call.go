package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// ErrNoEndpoint says that no endpoint may be used at this time.
var ErrNoEndpoint = errors.New("no endpoint is available")

// Call is one request on its way through an upstream. It is not safe for concurrent use.
type Call struct {
	upstream *Upstream
	endpoint *Endpoint
	tried    []bool // by endpoint; nil until one has failed
	first    string // the endpoint to try first; empty: the balancer picks
	ended    bool
}

// Endpoint is the one that the request was last sent to, nil before RoundTrip.
func (c *Call) Endpoint() *Endpoint { return c.endpoint }

// Attempts is how many endpoints were tried.
func (c *Call) Attempts() int {
	if c.endpoint == nil {
		return 0
	}
	n := 1
	for _, tried := range c.tried {
		if tried {
			n++
		}
	}
	return n
}

// Endpoints is how many the upstream has.
func (c *Call) Endpoints() int { return len(c.upstream.endpoints) }

// Upstream is the upstream's name.
func (c *Call) Upstream() string { return c.upstream.settings.Name }

// RoundTrip sends the request to an endpoint, and to the next one as long as no connection can be made.
//
// The URL's scheme and host are set for each endpoint; everything else is sent as it is. A body must stay open when it
// is closed before the first byte was read, which is what http.Transport does when it cannot connect.
// Errors: ErrNoEndpoint, *DialError when every endpoint was tried, and what http.Transport says.
func (c *Call) RoundTrip(req *http.Request) (res *http.Response, err error) {
	err = c.try(req.Context(), func(e *Endpoint) (err error) {
		res, err = e.roundTrip(req) //nolint:bodyclose // the caller has it
		return err
	})
	return res, err
}

// try uses an endpoint, and the next one as long as no connection can be made.
func (c *Call) try(ctx context.Context, use func(*Endpoint) error) error {
	i := c.pick()
	for tries := 1; ; tries++ {
		if i < 0 {
			return fmt.Errorf("upstream %q: %w", c.upstream.settings.Name, ErrNoEndpoint)
		}
		c.use(c.upstream.endpoints[i])
		err := use(c.endpoint)
		if err == nil {
			return nil
		}
		if !IsDialError(err) || tries == len(c.upstream.endpoints) || ctx.Err() != nil {
			return c.describe(err, tries)
		}
		i = c.another(i)
	}
}

// Prefer makes the endpoint of that address (Endpoint.Name) the first that is tried, if the upstream has it.
func (c *Call) Prefer(address string) { c.first = address }

func (c *Call) pick() int {
	if c.first != "" {
		if i := slices.IndexFunc(c.upstream.endpoints, func(e *Endpoint) bool { return e.name == c.first }); i >= 0 {
			return i
		}
	}
	return c.upstream.picker.Pick(nil)
}

// another picks an endpoint that was not tried, now that the one at i has failed.
func (c *Call) another(i int) int {
	if c.tried == nil {
		c.tried = make([]bool, len(c.upstream.endpoints))
	}
	c.tried[i] = true
	return c.upstream.picker.Pick(func(i int) bool { return !c.tried[i] })
}

// describe says who failed, around the error.
func (c *Call) describe(err error, tries int) error {
	if tries > 1 {
		return fmt.Errorf("upstream %q: none of %d endpoints could be reached, last %s: %w",
			c.upstream.settings.Name, tries, c.endpoint.name, err)
	}
	return fmt.Errorf("upstream %q, endpoint %s: %w", c.upstream.settings.Name, c.endpoint.name, err)
}

func (c *Call) use(e *Endpoint) {
	c.leave()
	c.endpoint = e
	e.inFlight.Add(1)
}

func (c *Call) leave() {
	if c.endpoint != nil {
		c.endpoint.inFlight.Add(-1)
	}
}

// End says that the request is done with: the response is read, or the upgraded connection is closed. It may be called twice.
func (c *Call) End() {
	if c.ended {
		return
	}
	c.ended = true
	c.leave()
	c.upstream.end()
}
