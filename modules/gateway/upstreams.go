package gateway

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/internal/retry"
	"github.com/loom-gateway/loom/internal/upstream"
)

// upstreamPool holds the upstreams of every config that is loaded or draining. The key covers all settings, so an
// upstream that a reload does not change keeps its connections.
var upstreamPool = caddy.NewUsagePool() //nolint:gochecknoglobals // Caddy's way to outlive a config

// memoryKey is where the pool keeps what is known about endpoints. Names of upstreams have an @ behind them.
const memoryKey = "loom.endpoints"

// pooledMemory outlives every upstream. There is nothing to free.
type pooledMemory struct{ upstream.Memory }

// Destruct implements caddy.Destructor.
func (*pooledMemory) Destruct() error { return nil }

// pooledUpstream lets the pool drain what no config uses any more.
type pooledUpstream struct{ *upstream.Upstream }

// Destruct drains: requests in flight go on, and the last one closes the connections.
func (p pooledUpstream) Destruct() error {
	p.Close()
	return nil
}

// upstreamSet is what one config has taken from the pool.
type upstreamSet struct {
	byName  map[string]*upstream.Upstream
	retries map[string]*retry.Policy // by upstream; nil: none
	memory  *upstream.Memory
	observe func(upstream.Event)
	keys    []string // one for each reference taken
}

func (a *App) provisionUpstreams(ctx caddy.Context) error {
	a.upstreams = &upstreamSet{byName: make(map[string]*upstream.Upstream, len(a.Upstreams))}
	memory, _, err := upstreamPool.LoadOrNew(memoryKey, func() (caddy.Destructor, error) { return new(pooledMemory), nil })
	if err != nil {
		return err
	}
	a.upstreams.keys = append(a.upstreams.keys, memoryKey)
	a.upstreams.memory = &memory.(*pooledMemory).Memory
	if a.upstreams.observe, err = a.upstreamEvents(ctx); err != nil {
		return err
	}
	for _, collector := range []prometheus.Collector{newUpstreamCollector(a.upstreams), newRetryCollector(a.upstreams)} {
		if err := ctx.GetMetricsRegistry().Register(collector); err != nil {
			return fmt.Errorf("registering the metrics of upstreams: %w", err)
		}
	}
	problems := []error{a.provisionRetries()}
	for _, name := range sortedNames(a.Upstreams) {
		if err := a.upstreams.take(name, a.Upstreams[name]); err != nil {
			problems = append(problems, fmt.Errorf("upstream %q: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

func (s *upstreamSet) take(name string, config *Upstream) error {
	if config == nil {
		return errors.New("endpoints: at least one is required")
	}
	settings, err := config.settings(name)
	if err != nil {
		return err
	}
	key := settings.Key()
	value, _, err := upstreamPool.LoadOrNew(key, func() (caddy.Destructor, error) {
		u, err := s.memory.New(settings)
		return pooledUpstream{u}, err
	})
	if err != nil {
		return err
	}
	s.keys = append(s.keys, key)
	s.byName[name] = value.(pooledUpstream).Upstream
	return nil
}

// startUpstreams begins the probes, and makes this config the one that hears of events: not before it is accepted.
func (a *App) startUpstreams() {
	for _, u := range a.upstreams.byName {
		u.SetObserver(a.upstreams.observe)
		u.Start()
	}
}

func (a *App) releaseUpstreams() error {
	if a.upstreams == nil {
		return nil
	}
	var problems []error
	for _, key := range a.upstreams.keys {
		_, err := upstreamPool.Delete(key)
		problems = append(problems, err)
	}
	a.upstreams.keys = nil
	return errors.Join(problems...)
}

// Upstream finds the upstream of that name. The error names the nearest one that exists.
func (a *App) Upstream(name string) (*upstream.Upstream, error) {
	if u, ok := a.upstreams.byName[name]; ok {
		return u, nil
	}
	if meant := nearest.Word(name, sortedNames(a.Upstreams)); meant != "" {
		return nil, fmt.Errorf("unknown upstream %q: did you mean %q?", name, meant)
	}
	return nil, fmt.Errorf("unknown upstream %q: the loom app has no upstream of that name", name)
}

// UpstreamSnapshots are the states of all upstreams, by name.
func (a *App) UpstreamSnapshots() []upstream.Snapshot {
	snapshots := make([]upstream.Snapshot, 0, len(a.upstreams.byName))
	for _, name := range sortedNames(a.upstreams.byName) {
		snapshots = append(snapshots, a.upstreams.byName[name].Snapshot())
	}
	return snapshots
}

// settings reads the files that the config names, so that their bytes are part of the pool's key.
func (u *Upstream) settings(name string) (upstream.Settings, error) {
	s := upstream.Settings{Name: name, LoadBalancer: u.LoadBalancer, Protocol: u.Protocol, ProxyProtocol: u.ProxyProtocol}
	for _, e := range u.Endpoints {
		s.Endpoints = append(s.Endpoints, upstream.EndpointSettings{Address: e.Address, Weight: e.Weight, Resolve: e.Resolve})
	}
	if d := u.DNS; d != nil {
		s.DNS = upstream.DNS{Resolvers: d.Resolvers, Interval: time.Duration(d.Interval), Timeout: time.Duration(d.Timeout)}
	}
	if h := u.Hash; h != nil {
		s.Hash = upstream.Hash{Header: h.Header, Cookie: h.Cookie, ClientIP: h.ClientIP, BalanceFactor: h.BalanceFactor}
	}
	if err := u.resilience(&s); err != nil {
		return s, err
	}
	if p := u.ConnectionPool; p != nil {
		s.Pool = upstream.Pool{
			MaxIdlePerEndpoint:     p.MaxIdlePerEndpoint,
			MaxPerEndpoint:         p.MaxPerEndpoint,
			MaxRequestsPerEndpoint: p.MaxRequestsPerEndpoint,
			MaxWaiting:             p.MaxWaiting,
			WaitTimeout:            time.Duration(p.WaitTimeout),
			IdleTimeout:            time.Duration(p.IdleTimeout),
			DialTimeout:            time.Duration(p.DialTimeout),
		}
	}
	if t := u.Transport; t != nil {
		s.Engine, s.MaxResponseHeader = t.Engine, t.MaxResponseHeader
	}
	if u.TLS == nil {
		return s, nil
	}
	if u.Protocol != upstream.HTTPS {
		return s, fmt.Errorf("tls needs the protocol %q", upstream.HTTPS)
	}
	var err error
	s.TLS, err = u.TLS.settings()
	return s, err
}

func (t *UpstreamTLS) settings() (s upstream.TLS, err error) {
	s = upstream.TLS{ServerName: t.ServerName, MinVersion: t.MinVersion, InsecureSkipVerify: t.InsecureSkipVerify}
	for _, file := range []struct {
		path string
		into *[]byte
	}{{t.CA, &s.CA}, {t.Cert, &s.Cert}, {t.Key, &s.Key}} {
		if file.path == "" {
			continue
		}
		if *file.into, err = os.ReadFile(file.path); err != nil {
			return s, fmt.Errorf("reading tls file: %w", err)
		}
	}
	return s, nil
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Interface guards
var (
	_ caddy.Destructor = pooledUpstream{}
	_ caddy.Destructor = (*pooledMemory)(nil)
)
