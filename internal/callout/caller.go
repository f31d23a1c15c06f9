// Package callout sends the HTTP calls that plugins make by themselves (proxy_http_call) to named upstreams.
package callout

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
	"github.com/loom-gateway/loom/internal/upstream"
)

const (
	// maxTimeout bounds a call whose plugin sets no timeout, or a longer one.
	maxTimeout = 5 * time.Minute
	// maxBody is the most of a response that is kept for the plugin, in bytes. A larger one is a failed call.
	maxBody = 4 << 20
	// maxOpen is how many calls of one plugin may be under way.
	maxOpen = 1000
)

// Lookup finds an upstream by its name. Only upstreams of the config can be called: a plugin cannot reach
// an address of its own choice.
type Lookup func(name string) (*upstream.Upstream, error)

// Caller sends the calls of one plugin. It outlives configs, so the lookup is swapped.
type Caller struct {
	lookup atomic.Pointer[Lookup]
	open   atomic.Int64
	jobs   sync.WaitGroup

	mu      sync.Mutex
	started bool
	waiting []func() // calls made before Start
}

// Start lets calls out. What plugins call while they are configured waits until then: a config that is merely validated
// opens no connection.
func (c *Caller) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = true
	for _, job := range c.waiting {
		c.jobs.Go(job)
	}
	c.waiting = nil
}

func (c *Caller) run(job func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.started {
		c.waiting = append(c.waiting, job)
		return
	}
	c.jobs.Go(job)
}

// SetLookup makes the upstreams of another config the ones that are called.
func (c *Caller) SetLookup(l Lookup) { c.lookup.Store(&l) }

// Wait waits for the calls to end, after they were cancelled.
func (c *Caller) Wait() { c.jobs.Wait() }

// HTTP implements proxywasm.Caller. An unknown upstream is a bad argument, as in Envoy.
func (c *Caller) HTTP(call proxywasm.HTTPCall, done func(proxywasm.HTTPCallResult)) (func(), abi.Status) {
	lookup := c.lookup.Load()
	if lookup == nil || *lookup == nil {
		return nil, abi.StatusInternalFailure
	}
	u, err := (*lookup)(call.Upstream)
	if err != nil {
		return nil, abi.StatusBadArgument
	}
	if c.open.Add(1) > maxOpen {
		c.open.Add(-1)
		return nil, abi.StatusInternalFailure
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout(call.Timeout))
	req, err := newRequest(ctx, call)
	if err != nil {
		cancel()
		c.open.Add(-1)
		return nil, abi.StatusBadArgument
	}
	c.run(func() {
		defer c.open.Add(-1)
		defer cancel()
		result := send(u, req)
		if !errors.Is(ctx.Err(), context.Canceled) {
			done(result)
		}
	})
	return cancel, abi.StatusOK
}

func timeout(asked time.Duration) time.Duration {
	if asked <= 0 {
		return maxTimeout
	}
	return min(asked, maxTimeout)
}

// send does the exchange. What fails before there is a response is answered as Envoy's router would.
func send(u *upstream.Upstream, req *http.Request) proxywasm.HTTPCallResult {
	call := u.Begin()
	defer call.End()
	res, err := call.RoundTrip(req)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return failed(err)
	case len(body) > maxBody:
		return proxywasm.HTTPCallResult{Failure: "the response is larger than " + strconv.Itoa(maxBody) + " bytes"}
	}
	return proxywasm.HTTPCallResult{Headers: headersOf(res.StatusCode, res.Header), Trailers: trailersOf(res.Trailer), Body: body}
}

// failed is the answer of a call without a response: 504 after a timeout, else 503, as plugins know it from Envoy.
func failed(err error) proxywasm.HTTPCallResult {
	status, text := http.StatusServiceUnavailable, "upstream connect error or disconnect"
	if errors.Is(err, context.DeadlineExceeded) {
		status, text = http.StatusGatewayTimeout, "upstream request timeout"
	}
	header := http.Header{"Content-Type": {"text/plain"}, "Content-Length": {strconv.Itoa(len(text))}}
	return proxywasm.HTTPCallResult{Headers: headersOf(status, header), Body: []byte(text), Failure: err.Error()}
}

// Interface guard
var _ proxywasm.Caller = (*Caller)(nil)
