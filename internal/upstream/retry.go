package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/loom-gateway/loom/internal/retry"
)

// retryRecord is what is known about the retries of an upstream.
type retryRecord struct {
	budget  retry.Budget
	made    [8]atomic.Uint64 // by retry.Reason
	refused atomic.Uint64    // by the budget
}

func (r *retryRecord) read() map[string]uint64 {
	var counts map[string]uint64
	for _, reason := range retry.Reasons() {
		if n := r.made[reason].Load(); n > 0 {
			if counts == nil {
				counts = map[string]uint64{}
			}
			counts[reason.String()] = n
		}
	}
	return counts
}

// Retries are how many requests were sent again, by the reason, and how many were not because of the budget.
func (u *Upstream) Retries() (made map[string]uint64, refused uint64) {
	return u.record.retries.read(), u.record.retries.refused.Load()
}

// Retry has RoundTrip send the request again when it fails in a way that the policy names. until is when nobody waits for
// the response any more, the zero time: never. RoundTrip may be called once then, and the call must End.
func (c *Call) Retry(policy *retry.Policy, until time.Time) {
	c.retrying = &retrying{call: c, policy: policy, until: until}
}

// retrying is a request that may be sent several times.
type retrying struct {
	call   *Call
	policy *retry.Policy
	until  time.Time

	req    *http.Request // of the caller
	body   *retry.Body   // nil without one
	hints  hints
	cancel context.CancelCauseFunc // ends what is left of the last attempt; nil when nothing is
}

// run tries until a response, or an error, is the caller's.
func (r *retrying) run(req *http.Request) (*http.Response, error) {
	r.req = r.hints.of(req, r.call.inform)
	if req.Body != nil && req.Body != http.NoBody {
		r.body = retry.NewBody(req.Body, req.ContentLength, r.policy.BodyLimit)
	}
	r.call.upstream.record.retries.budget.Request(&r.call.upstream.settings.RetryBudget, time.Now())
	for n := 0; ; n++ {
		res, err := r.try()
		why := r.reason(res, err)
		delay, again := r.again(n, why, res)
		if !again {
			r.settle()
			return res, err
		}
		if err := r.wait(res, delay); err != nil {
			r.settle()
			return nil, fmt.Errorf("upstream %q, endpoint %s, waiting to try again after %s: %w",
				r.call.Upstream(), r.call.endpoint.name, why, err)
		}
		r.call.upstream.record.retries.made[why].Add(1)
	}
}

// try sends the request to an endpoint, and to the next one as long as no connection can be made.
func (r *retrying) try() (res *http.Response, err error) {
	req := r.req
	if r.body != nil {
		copied := *req
		copied.Body = r.body.Next()
		req = r.hints.unasked(&copied)
	}
	err = r.call.try(r.req.Context(), func(e *Endpoint) (*http.Response, error) {
		if res, err = r.attempt(e, req); err != nil {
			res = nil
		}
		return res, err
	})
	return res, err
}

// attempt is the request to one endpoint, within the time of a try. What is left of it can be canceled by itself.
func (r *retrying) attempt(e *Endpoint, req *http.Request) (*http.Response, error) {
	inform := r.hints.next()
	defer r.hints.stop()
	ctx, cancel := context.WithCancelCause(req.Context())
	stop := func() bool { return true }
	if limit := r.policy.PerTryTimeout; limit > 0 {
		stop = time.AfterFunc(limit, func() { cancel(errTryTimeout) }).Stop
	}
	res, err := r.call.send(e, req.WithContext(ctx), inform)
	inTime := stop()
	if inTime && err == nil {
		r.cancel = cancel
		return res, nil
	}
	if !inTime { // it may not have come to that yet
		cancel(errTryTimeout)
	}
	cause := context.Cause(ctx)
	cancel(nil)
	if err == nil { // at the last moment: its body would break off
		_ = res.Body.Close()
		err = cause
	}
	if errors.Is(cause, errTryTimeout) {
		err = r.tooLate(err)
	}
	return nil, err
}

// tooLate is the error of an attempt that has taken too long.
func (r *retrying) tooLate(err error) error {
	slow := &tryTimeoutError{r.policy.PerTryTimeout}
	if IsDialError(err) {
		return &DialError{Err: slow}
	}
	return slow
}

// reason is why the request should be sent again, None if it should not.
func (r *retrying) reason(res *http.Response, err error) retry.Reason {
	p := r.policy
	switch {
	case r.req.Context().Err() != nil || errors.Is(err, ErrNoEndpoint) || errors.Is(err, ErrOverloaded) || IsRequestError(err):
		return retry.None
	case err != nil && IsDialError(err):
		return p.OnError(retry.ConnectFailure)
	case asksUpgrade(r.req) || r.req.Method == http.MethodConnect || r.body != nil && r.body.Failed():
		return retry.None
	case err == nil:
		return p.OnResponse(res)
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
		return p.OnError(retry.Timeout)
	}
	return p.OnError(retry.Reset)
}

// again reports whether the request is sent again, and after which delay. The budget is asked when all else allows it: what it
// counts is done, unless the body has gone too far at that very moment.
func (r *retrying) again(n int, why retry.Reason, res *http.Response) (delay time.Duration, yes bool) {
	c, now := r.call, time.Now()
	if n >= r.policy.Attempts || !r.policy.May(why, r.req) || r.hints.passed() || r.body != nil && !r.body.CanReplay() {
		return 0, false
	}
	if !c.anyAvailable() {
		return 0, false
	}
	delay = r.policy.Backoff.Delay(n)
	if res != nil && !c.anyUntried() {
		asked := retry.After(res.Header, now)
		if asked > r.policy.Backoff.Max {
			return 0, false
		}
		delay = max(delay, asked)
	}
	if !r.until.IsZero() && !now.Add(delay).Before(r.until) {
		return 0, false
	}
	records := &c.upstream.record.retries
	if !records.budget.Retry(&c.upstream.settings.RetryBudget, now) {
		records.refused.Add(1)
		return 0, false
	}
	return delay, r.body == nil || r.body.TakeBack()
}

// wait is the back-off, while the response that is not the client's ends. The endpoint is free when it has. The error is
// what has ended the request's context.
func (r *retrying) wait(res *http.Response, delay time.Duration) error {
	ctx := r.req.Context()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	drained, giveUp := r.drain(res)
	defer func() {
		giveUp()
		r.call.leave()
	}()
	for {
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-drained:
			r.call.leave()
			drained = nil
		}
	}
}

func (r *retrying) settle() {
	if r.body != nil {
		r.body.Settle()
	}
}

// end frees what the last attempt holds.
func (r *retrying) end() {
	if r.cancel != nil {
		r.cancel(nil)
		r.cancel = nil
	}
}

// pickAgain picks an endpoint for another try: one that was not tried, or else another than the last one, or else any.
func (c *Call) pickAgain() bool {
	if c.pickAnother() {
		return true
	}
	clear(c.tried)
	if c.pickAnother() {
		return true
	}
	clear(c.tried)
	return c.choose(nil)
}

// anyAvailable reports whether an endpoint may be used.
func (c *Call) anyAvailable() bool {
	c.upstream.refreshIfDue()
	return slices.ContainsFunc(c.set.endpoints, func(e *Endpoint) bool { return !e.out.Load() })
}

// anyUntried reports whether an endpoint may be used that this call has not gone to.
func (c *Call) anyUntried() bool {
	for i, e := range c.set.endpoints {
		if i != c.index && !e.out.Load() && (len(c.tried) == 0 || !c.tried[i]) {
			return true
		}
	}
	return false
}

// errTryTimeout is the cause by which a try ends that takes too long.
var errTryTimeout = errors.New("per_try_timeout is over")

// tryTimeoutError says that one try has taken too long.
type tryTimeoutError struct{ limit time.Duration }

func (e *tryTimeoutError) Error() string { return fmt.Sprintf("no response within %s", e.limit) }

// Timeout completes net.Error, and Temporary too.
func (*tryTimeoutError) Timeout() bool { return true }

func (*tryTimeoutError) Temporary() bool { return true }

// Interface guard
var _ net.Error = (*tryTimeoutError)(nil)
