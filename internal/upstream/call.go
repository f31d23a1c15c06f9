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
	"github.com/loom-gateway/loom/internal/queue"
)

// Call is one request on its way through an upstream. It is not safe for concurrent use.
type Call struct {
	upstream *Upstream
	set      *set // of the endpoints that it may go to
	endpoint *Endpoint
	index    int    // of endpoint
	attempts int    // requests that were sent, or tried to
	tried    []bool // by endpoint; nil until one has failed
	first    string // the endpoint to try first; empty: the balancer picks
	key      uint64 // for consistent_hash
	keyed    bool   // the key is known
	client   client // whose request it is
	picked   bool   // the balancer has picked endpoint, and waits for it to be done
	inform   http1.Informational
	passes   bool      // endpoints that start slowly are passed over in this pick
	crowded  bool      // endpoints without a free place are
	admitted bool      // there is a place at endpoint, where that has a limit
	held     bool      // the endpoint counts the call
	retrying *retrying // nil: the request is sent once
	ended    bool
}

// Endpoint is the one that the request was last sent to, nil before RoundTrip.
func (c *Call) Endpoint() *Endpoint { return c.endpoint }

// Attempts is how many endpoints were tried.
func (c *Call) Attempts() int { return c.attempts }

// Endpoints is how many the upstream has.
func (c *Call) Endpoints() int { return len(c.set.endpoints) }

// Upstream is the upstream's name.
func (c *Call) Upstream() string { return c.upstream.settings.Name }

// Inform has a function called for each informational response. Default: Got1xxResponse of the request's httptrace.ClientTrace.
func (c *Call) Inform(inform http1.Informational) { c.inform = inform }

// RoundTrip sends the request to an endpoint, and to the next one as long as no connection can be made. It does so again for
// what Retry has said.
//
// The URL's scheme and host are set for each endpoint; everything else is sent as it is. A body must stay open when it
// is closed before the first byte was read, which is what http.Transport does when it cannot connect.
// Errors: ErrNoEndpoint, ErrOverloaded, *DialError when every endpoint was tried, and what the engine says.
func (c *Call) RoundTrip(req *http.Request) (res *http.Response, err error) {
	if ctx := c.announce(req.Context()); ctx != req.Context() {
		req = req.WithContext(ctx)
	}
	if c.retrying != nil {
		return c.retrying.run(req)
	}
	err = c.try(req.Context(), func(e *Endpoint) (*http.Response, error) {
		res, err = c.send(e, req, c.inform)
		return res, err
	})
	return res, err
}

// try uses an endpoint, and the next one as long as no connection can be made.
func (c *Call) try(ctx context.Context, use func(*Endpoint) (*http.Response, error)) error {
	var last error
	if len(c.set.endpoints) == 0 && c.upstream.names != nil {
		c.upstream.await(ctx)
		if c.set = c.upstream.set(); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	for more := c.pick(); more; more = c.pickAnother() {
		if err := c.admit(ctx); errors.Is(err, queue.ErrFull) {
			last = err
			continue
		} else if err != nil {
			return err
		}
		permit, ok := c.upstream.enter(c.endpoint)
		if !ok { // nothing was sent: the probes of a half-open breaker are under way
			continue
		}
		c.attempts++
		a := attempt{c.upstream, c.endpoint, permit, ctx, time.Now()}
		res, err := use(c.endpoint) //nolint:bodyclose // the caller has it
		if a.settle(res, err); err == nil {
			return nil
		}
		if last = c.describe(err); !IsDialError(err) || ctx.Err() != nil {
			return last
		}
	}
	if last == nil {
		c.use(-1, false)
		return c.upstream.unavailable()
	}
	return last
}

// Prefer makes the endpoint of that address (Endpoint.Name) the first that is tried, if the upstream has it.
func (c *Call) Prefer(address string) { c.first = address }

// HashOn tells what consistent_hash may look at. Without it, and with other policies, it does nothing.
func (c *Call) HashOn(header http.Header, clientIP string) {
	if c.upstream.settings.LoadBalancer == balance.ConsistentHashName {
		c.key, c.keyed = c.upstream.settings.Hash.Key(header, clientIP), true
	}
}

// pick looks for the first endpoint of a try, and reports whether there is one.
func (c *Call) pick() bool {
	c.upstream.refreshIfDue()
	if c.attempts > 0 {
		return c.pickAgain()
	}
	if c.first != "" {
		i := slices.IndexFunc(c.set.endpoints, func(e *Endpoint) bool { return e.name == c.first && !e.out.Load() })
		if i >= 0 {
			c.use(i, false)
			return true
		}
	}
	if !c.keyed {
		c.key, c.keyed = balance.RandomKey(), true
	}
	return c.choose(nil)
}

// pickAnother picks an endpoint that was not tried, now that one has failed. Without one the call keeps the last.
func (c *Call) pickAnother() bool {
	if c.tried == nil {
		c.tried = make([]bool, len(c.set.endpoints))
	}
	c.tried[c.index] = true
	return c.choose(c)
}

// choose asks the balancer, and passes over an endpoint that starts slowly when it is not its turn and another will do.
func (c *Call) choose(excluded balance.Excluder) bool {
	set := c.set
	if len(set.endpoints) == 0 {
		return false
	}
	i := set.picker.Pick(c.key, excluded)
	if i < 0 {
		return false
	}
	window := c.upstream.settings.SlowStart
	if window > 0 && set.endpoints[i].ramp.Climbing(window, time.Now) && !set.endpoints[i].ramp.Take(window, time.Now()) {
		c.passes = true
		if other := set.picker.Pick(c.key, c); other >= 0 {
			set.picker.Done(i)
			i = other
		}
		c.passes = false
	}
	c.use(i, true)
	return true
}

// Excluded implements balance.Excluder: what was tried is not tried again.
func (c *Call) Excluded(i int) bool {
	return len(c.tried) > 0 && c.tried[i] || c.crowded && c.set.endpoints[i].full() ||
		c.passes && c.set.endpoints[i].ramp.Climbing(c.upstream.settings.SlowStart, time.Now)
}

// describe says who failed, around the error.
func (c *Call) describe(err error) error {
	switch {
	case c.retrying != nil && c.attempts > 1:
		return fmt.Errorf("upstream %q, endpoint %s, attempt %d: %w", c.upstream.settings.Name, c.endpoint.name, c.attempts, err)
	case c.attempts > 1:
		return fmt.Errorf("upstream %q: none of %d endpoints could be reached, last %s: %w",
			c.upstream.settings.Name, c.attempts, c.endpoint.name, err)
	}
	return fmt.Errorf("upstream %q, endpoint %s: %w", c.upstream.settings.Name, c.endpoint.name, err)
}

// use makes the endpoint at i the one of the call; a negative i leaves it without.
func (c *Call) use(i int, picked bool) {
	c.leave()
	c.endpoint, c.index, c.picked = nil, i, picked
	if i >= 0 {
		c.endpoint, c.held = c.set.endpoints[i], true
		c.endpoint.load.Begin()
		c.endpoint.calls.Add(1)
	}
}

// leave says that nothing more is to be expected of the call's endpoint. It may be called twice.
func (c *Call) leave() {
	if !c.held {
		return
	}
	c.held = false
	c.vacate()
	c.endpoint.load.End()
	if c.picked {
		c.set.picker.Done(c.index)
	}
	c.endpoint.release()
}

// End says that the request is done with: the response is read, or the upgraded connection is closed. It may be called twice.
func (c *Call) End() {
	if c.ended {
		return
	}
	c.ended = true
	c.leave()
	if c.retrying != nil {
		c.retrying.end()
	}
	c.upstream.end()
}

// Interface guard
var _ balance.Excluder = (*Call)(nil)
