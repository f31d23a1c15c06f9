package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/http1"
)

// ErrNoEndpoint says that no endpoint may be used at this time.
var ErrNoEndpoint = errors.New("no endpoint is available")

// Call is one request on its way through an upstream. It is not safe for concurrent use.
type Call struct {
	upstream *Upstream
	endpoint *Endpoint
	index    int    // of endpoint
	tried    []bool // by endpoint; nil until one has failed
	first    string // the endpoint to try first; empty: the balancer picks
	key      uint64 // for consistent_hash
	keyed    bool   // the key is known
	picked   bool   // the balancer has picked endpoint, and waits for it to be done
	inform   http1.Informational
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

// Inform has a function called for each informational response. Default: Got1xxResponse of the request's httptrace.ClientTrace.
func (c *Call) Inform(inform http1.Informational) { c.inform = inform }

// RoundTrip sends the request to an endpoint, and to the next one as long as no connection can be made.
//
// The URL's scheme and host are set for each endpoint; everything else is sent as it is. A body must stay open when it
// is closed before the first byte was read, which is what http.Transport does when it cannot connect.
// Errors: ErrNoEndpoint, *DialError when every endpoint was tried, and what the engine says.
func (c *Call) RoundTrip(req *http.Request) (res *http.Response, err error) {
	err = c.try(req.Context(), func(e *Endpoint) (err error) {
		sent := time.Now()
		res, err = e.roundTrip(req, c.inform) //nolint:bodyclose // the caller has it
		e.observe(res, sent)
		return err
	})
	return res, err
}

// try uses an endpoint, and the next one as long as no connection can be made.
func (c *Call) try(ctx context.Context, use func(*Endpoint) error) error {
	c.pick()
	for tries := 1; ; tries++ {
		if c.endpoint == nil {
			return fmt.Errorf("upstream %q: %w", c.upstream.settings.Name, ErrNoEndpoint)
		}
		err := use(c.endpoint)
		if err == nil {
			return nil
		}
		if !IsDialError(err) || tries == len(c.upstream.endpoints) || ctx.Err() != nil {
			return c.describe(err, tries)
		}
		c.pickAnother()
	}
}

// Prefer makes the endpoint of that address (Endpoint.Name) the first that is tried, if the upstream has it.
func (c *Call) Prefer(address string) { c.first = address }

// HashOn tells what consistent_hash may look at. Without it, and with other policies, it does nothing.
func (c *Call) HashOn(header http.Header, clientIP string) {
	if c.upstream.settings.LoadBalancer == balance.ConsistentHashName {
		c.key, c.keyed = c.upstream.settings.Hash.Key(header, clientIP), true
	}
}

func (c *Call) pick() {
	if c.first != "" {
		if i := slices.IndexFunc(c.upstream.endpoints, func(e *Endpoint) bool { return e.name == c.first }); i >= 0 {
			c.use(i, false)
			return
		}
	}
	if !c.keyed {
		c.key, c.keyed = balance.RandomKey(), true
	}
	c.use(c.upstream.picker.Pick(c.key, nil), true)
}

// pickAnother picks an endpoint that was not tried, now that one has failed.
func (c *Call) pickAnother() {
	if c.tried == nil {
		c.tried = make([]bool, len(c.upstream.endpoints))
	}
	c.tried[c.index] = true
	c.use(c.upstream.picker.Pick(c.key, c), true)
}

// Excluded implements balance.Excluder: what was tried is not tried again.
func (c *Call) Excluded(i int) bool { return c.tried[i] }

// describe says who failed, around the error.
func (c *Call) describe(err error, tries int) error {
	if tries > 1 {
		return fmt.Errorf("upstream %q: none of %d endpoints could be reached, last %s: %w",
			c.upstream.settings.Name, tries, c.endpoint.name, err)
	}
	return fmt.Errorf("upstream %q, endpoint %s: %w", c.upstream.settings.Name, c.endpoint.name, err)
}

// use makes the endpoint at i the one of the call; a negative i leaves it without.
func (c *Call) use(i int, picked bool) {
	c.leave()
	c.endpoint, c.index, c.picked = nil, i, picked
	if i >= 0 {
		c.endpoint = c.upstream.endpoints[i]
		c.endpoint.load.Begin()
	}
}

func (c *Call) leave() {
	if c.endpoint == nil {
		return
	}
	c.endpoint.load.End()
	if c.picked {
		c.upstream.picker.Done(c.index)
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

// Interface guard
var _ balance.Excluder = (*Call)(nil)
