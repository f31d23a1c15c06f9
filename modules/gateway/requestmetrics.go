package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// requestPool holds what is counted of requests, by route, for every config that is loaded or draining: a route that a
// reload keeps goes on counting, and one that no config has any more takes its series with it.
var requestPool = caddy.NewUsagePool() //nolint:gochecknoglobals // Caddy's way to outlive a config

const panicsKey = "panics"

// RequestCounter is a handler that counts the requests of its chain. A router prepares the counts of a route that has one.
type RequestCounter interface {
	CountsRequests()
}

// RouteRequests counts the requests of one route. It is safe for concurrent use.
type RouteRequests struct {
	counts    *prometheus.CounterVec
	durations *prometheus.HistogramVec
	duration  prometheus.Observer
	mu        sync.Mutex // held while a counter is added
	byMethod  [len(methods) + 1]atomic.Pointer[[]statusCounter]
}

// statusCounter is the counter of one method and status. There are few for each route, and a look through them is no garbage.
type statusCounter struct {
	status  int
	counter prometheus.Counter
}

// methods have a label of their own; all others are OTHER, for a client can send any.
var methods = [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"} //nolint:gochecknoglobals // constant

const otherLabel = "OTHER"

func newRouteRequests(route string) *RouteRequests {
	r := &RouteRequests{
		counts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "loom_requests_total", Help: "Requests, by the method, the route and the status of the response.",
		}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "loom_request_duration_seconds", Help: "Time from a request's head to the end of its response, without upgraded connections.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
	}
	r.counts = r.counts.MustCurryWith(prometheus.Labels{"route": route})
	r.duration = r.durations.WithLabelValues(route)
	return r
}

// Done counts a request that has its response.
func (r *RouteRequests) Done(method string, status int, took time.Duration) {
	r.counter(method, status).Inc()
	if status != http.StatusSwitchingProtocols && method != http.MethodConnect {
		r.duration.Observe(took.Seconds())
	}
}

func (r *RouteRequests) counter(method string, status int) prometheus.Counter {
	i := 0
	for i < len(methods) && methods[i] != method {
		i++
	}
	if status <= 100 || status >= 600 {
		status = 0 // whatever a backend makes up is one series
	}
	if counters := r.byMethod[i].Load(); counters != nil {
		for _, c := range *counters {
			if c.status == status {
				return c.counter
			}
		}
	}
	return r.addCounter(i, status)
}

func (r *RouteRequests) addCounter(method, status int) prometheus.Counter {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, code := otherLabel, otherLabel
	if method < len(methods) {
		name = methods[method]
	}
	if status != 0 {
		code = strconv.Itoa(status)
	}
	counter := r.counts.WithLabelValues(name, code)
	var counters []statusCounter
	if old := r.byMethod[method].Load(); old != nil {
		counters = append(counters, *old...)
	}
	counters = append(counters, statusCounter{status, counter})
	r.byMethod[method].Store(&counters)
	return counter
}

// Destruct implements caddy.Destructor.
func (r *RouteRequests) Destruct() error { return nil }

// pooledCounter is a counter of the process.
type pooledCounter struct{ prometheus.Counter }

// Destruct implements caddy.Destructor.
func (pooledCounter) Destruct() error { return nil }

// requestSet is what one config counts.
type requestSet struct {
	mu     sync.Mutex
	routes map[string]*RouteRequests
	panics prometheus.Counter
	keys   []string // one for each reference taken
}

func (a *App) provisionRequests(ctx caddy.Context) error {
	a.requests = &requestSet{routes: map[string]*RouteRequests{}}
	panics, _, err := requestPool.LoadOrNew(panicsKey, func() (caddy.Destructor, error) {
		return pooledCounter{prometheus.NewCounter(prometheus.CounterOpts{
			Name: "loom_panics_total", Help: "Panics of handlers that were recovered.",
		})}, nil
	})
	if err != nil {
		return err
	}
	a.requests.keys = append(a.requests.keys, panicsKey)
	a.requests.panics = panics.(pooledCounter).Counter
	return ctx.GetMetricsRegistry().Register(requestCollector{a.requests, newRouteRequests("")})
}

// RouteRequests is what counts the requests of a route; an empty id stands for requests that no route takes.
func (a *App) RouteRequests(id string) (*RouteRequests, error) {
	s := a.requests
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.routes[id]; r != nil {
		return r, nil
	}
	key := "route " + id
	value, _, err := requestPool.LoadOrNew(key, func() (caddy.Destructor, error) { return newRouteRequests(id), nil })
	if err != nil {
		return nil, err
	}
	s.keys = append(s.keys, key)
	s.routes[id] = value.(*RouteRequests)
	return s.routes[id], nil
}

// CountPanic counts a panic that was recovered.
func (a *App) CountPanic() { a.requests.panics.Inc() }

func (a *App) releaseRequests() error {
	if a.requests == nil {
		return nil
	}
	a.requests.mu.Lock()
	defer a.requests.mu.Unlock()
	var problems []error
	for _, key := range a.requests.keys {
		_, err := requestPool.Delete(key)
		problems = append(problems, err)
	}
	a.requests.keys = nil
	return errors.Join(problems...)
}

// requestCollector shows what one config counts.
type requestCollector struct {
	requests *requestSet
	example  *RouteRequests // of the metrics' names and labels
}

// Describe implements prometheus.Collector.
func (c requestCollector) Describe(to chan<- *prometheus.Desc) {
	c.example.counts.Describe(to)
	c.example.durations.Describe(to)
	c.requests.panics.Describe(to)
}

// Collect implements prometheus.Collector.
func (c requestCollector) Collect(to chan<- prometheus.Metric) {
	c.requests.mu.Lock()
	defer c.requests.mu.Unlock()
	c.requests.panics.Collect(to)
	for _, r := range c.requests.routes {
		r.counts.Collect(to)
		r.durations.Collect(to)
	}
}

// Interface guards
var (
	_ caddy.Destructor     = (*RouteRequests)(nil)
	_ caddy.Destructor     = pooledCounter{}
	_ prometheus.Collector = requestCollector{}
)
