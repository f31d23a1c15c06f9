package gateway

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-gateway/loom/internal/retry"
)

// Policy is what a Call gets; nil for nobody's retries, and for those that are switched off.
func (r *Retries) Policy() (*retry.Policy, error) {
	if r == nil || r.Disabled {
		return nil, nil
	}
	s := retry.Settings{
		Attempts: r.Attempts, On: r.On, PerTryTimeout: time.Duration(r.PerTryTimeout), Methods: r.Methods, BodyLimit: r.BodyLimit,
	}
	if b := r.Backoff; b != nil {
		s.Backoff = retry.Backoff{Base: time.Duration(b.Base), Max: time.Duration(b.Max)}
	}
	p, err := retry.New(s)
	if err != nil {
		return nil, fmt.Errorf("retries: %w", err)
	}
	return p, nil
}

// provisionRetries reads what upstreams say for their routes. It does not belong to the upstream itself, whose connections
// do not depend on it.
func (a *App) provisionRetries() error {
	a.upstreams.retries = map[string]*retry.Policy{}
	var problems []error
	for _, name := range sortedNames(a.Upstreams) {
		u := a.Upstreams[name]
		if u == nil {
			continue
		}
		policy, err := u.Retries.Policy()
		if err != nil {
			problems = append(problems, fmt.Errorf("upstream %q: %w", name, err))
		}
		a.upstreams.retries[name] = policy
	}
	return errors.Join(problems...)
}

// RetriesOf is what the upstream of that name says for its routes; nil for nothing.
func (a *App) RetriesOf(name string) *retry.Policy { return a.upstreams.retries[name] }

// retryCollector shows how often requests to one config's upstreams were sent again.
type retryCollector struct {
	upstreams     *upstreamSet
	made, refused *prometheus.Desc
}

func newRetryCollector(upstreams *upstreamSet) *retryCollector {
	return &retryCollector{
		upstreams: upstreams,
		made:      prometheus.NewDesc("loom_upstream_retries_total", "Requests that were sent again, by the reason.", []string{"upstream", "reason"}, nil),
		refused: prometheus.NewDesc("loom_upstream_retries_refused_total", "Requests that were not sent again because of the retry budget.",
			[]string{"upstream"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *retryCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.made
	to <- c.refused
}

// Collect implements prometheus.Collector.
func (c *retryCollector) Collect(to chan<- prometheus.Metric) {
	for _, name := range sortedNames(c.upstreams.byName) {
		made, refused := c.upstreams.byName[name].Retries()
		for _, reason := range retry.Reasons() {
			if n := made[reason.String()]; n > 0 {
				to <- prometheus.MustNewConstMetric(c.made, prometheus.CounterValue, float64(n), name, reason.String())
			}
		}
		if refused > 0 || c.upstreams.retries[name] != nil {
			to <- prometheus.MustNewConstMetric(c.refused, prometheus.CounterValue, float64(refused), name)
		}
	}
}

// Interface guard
var _ prometheus.Collector = (*retryCollector)(nil)
