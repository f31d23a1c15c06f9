package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/circuit"
	"github.com/loom-gateway/loom/internal/health"
)

// failure is the last one of an endpoint, for people.
type failure struct {
	text string
	at   time.Time
}

// grpcUnavailable is the status by which a gRPC server says what 503 says.
const grpcUnavailable = "14"

// enter asks the endpoint's breaker to let a request through.
func (u *Upstream) enter(e *Endpoint) (permit circuit.Permit, ok bool) {
	b := u.settings.Breaker
	if b == nil {
		return permit, true
	}
	permit, change, ok := e.breaker.Allow(&b.Settings, time.Now)
	u.breakerChanged(e, change)
	return permit, ok
}

// attempt is one request to one endpoint.
type attempt struct {
	upstream *Upstream
	endpoint *Endpoint
	permit   circuit.Permit
	ctx      context.Context //nolint:containedctx // of the request: who ended it decides what an error means
	sent     time.Time
}

// settle counts what became of the attempt. res is nil without a response, and for connections that carry no HTTP.
func (a *attempt) settle(res *http.Response, err error) {
	e, now := a.endpoint, time.Now()
	if err == nil && res != nil {
		e.results[min(res.StatusCode/100, 5)].Add(1)
		a.upstream.record.durations.observe(now.Sub(a.sent))
		if res.StatusCode < http.StatusInternalServerError { // failures say nothing about speed: they may be fast
			e.load.Observe(now.Sub(a.sent), now)
		}
	}
	if err != nil {
		e.results[0].Add(1)
	}
	a.judge(res, err, now)
	a.watchBody(res)
}

// judge tells the breaker and the ejection.
func (a *attempt) judge(res *http.Response, err error, now time.Time) {
	u, e := a.upstream, a.endpoint
	if err != nil && (a.abandoned() || IsRequestError(err)) {
		if u.settings.Breaker != nil {
			e.breaker.Done(a.permit, circuit.Ignored, &u.settings.Breaker.Settings, time.Now)
		}
		return
	}
	forBreaker, forPassive := outcome(res, err, u.breakerStatuses), outcome(res, err, u.passiveStatuses)
	if forBreaker == circuit.Failure || forPassive == circuit.Failure {
		e.failure.Store(&failure{describe(res, err), now})
	}
	if u.settings.Breaker != nil {
		u.breakerChanged(e, e.breaker.Done(a.permit, forBreaker, &u.settings.Breaker.Settings, time.Now))
	}
	if u.settings.Passive == nil {
		return
	}
	if forPassive == circuit.Success {
		e.ejection.Succeed()
	} else if length := e.ejection.Fail(&u.settings.Passive.Passive, now, u.mayEject); length > 0 {
		u.emit(Event{Kind: Ejected, Endpoint: e.name, Reason: e.lastFailure(), For: length})
		e.changed()
	}
}

func describe(res *http.Response, err error) string {
	if err != nil {
		return err.Error()
	}
	return "status " + strconv.Itoa(res.StatusCode)
}

// abandoned reports whether the request was ended by who sent it, and not by its time.
func (a *attempt) abandoned() bool {
	return errors.Is(a.ctx.Err(), context.Canceled) && !errors.Is(context.Cause(a.ctx), context.DeadlineExceeded)
}

func outcome(res *http.Response, err error, failures health.Statuses) circuit.Outcome {
	switch {
	case err != nil:
		return circuit.Failure
	case res == nil:
		return circuit.Success
	case failures.Has(res.StatusCode), res.Header.Get("Grpc-Status") == grpcUnavailable && failures.Has(http.StatusServiceUnavailable):
		return circuit.Failure
	}
	return circuit.Success
}

// mayEject holds the cap on the endpoints that are ejected at a time. A race may let one more through.
func (u *Upstream) mayEject() bool {
	ejected, now, endpoints := 1, time.Now(), u.set().endpoints
	for _, e := range endpoints {
		if e.ejection.Ejected(now) {
			ejected++
		}
	}
	return ejected*100 <= u.settings.Passive.MaxEjected*len(endpoints)
}

func (e *Endpoint) lastFailure() string {
	if f := e.failure.Load(); f != nil {
		return f.text
	}
	return ""
}

// watchBody counts a response that breaks off as a failure, when anybody counts.
func (a *attempt) watchBody(res *http.Response) {
	counts := a.upstream.settings.Breaker != nil || a.upstream.settings.Passive != nil
	if counts && res != nil && res.StatusCode != http.StatusSwitchingProtocols && res.Body != http.NoBody {
		res.Body = &watchedBody{ReadCloser: res.Body, attempt: *a}
	}
}

type watchedBody struct {
	io.ReadCloser
	attempt attempt
	failed  bool
	closed  atomic.Bool
}

// Read implements io.Reader.
func (b *watchedBody) Read(data []byte) (int, error) {
	n, err := b.ReadCloser.Read(data)
	if err != nil && !errors.Is(err, io.EOF) && !b.failed && !b.closed.Load() {
		b.failed = true
		b.attempt.judge(nil, fmt.Errorf("response broke off: %w", err), time.Now())
	}
	return n, err
}

// Close implements io.Closer. A Read that waits, and fails by it, is not the endpoint's failure.
func (b *watchedBody) Close() error {
	b.closed.Store(true)
	return b.ReadCloser.Close()
}
