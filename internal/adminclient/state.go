package adminclient

import (
	"context"
	"time"
)

// The answers of the API, as far as the command line shows them.

// Info is /info.
type Info struct {
	Loom          string  `json:"loom"`
	UptimeSeconds float64 `json:"uptime_seconds"`
	Config        struct {
		Digest     string `json:"digest"`
		LastReload *struct {
			Successful bool `json:"successful"`
		} `json:"last_reload"`
	} `json:"config"`
}

// Route is one of /routes.
type Route struct {
	ID             string   `json:"id"`
	Hosts          []string `json:"hosts"`
	Paths          []string `json:"paths"`
	Methods        []string `json:"methods"`
	Headers        []string `json:"headers"`
	Query          []string `json:"query"`
	Plugins        []string `json:"plugins"`
	Upstream       string   `json:"upstream"`
	TimeoutSeconds float64  `json:"timeout_seconds"`
}

// Upstream is one of /upstreams.
type Upstream struct {
	Name         string `json:"name"`
	LoadBalancer string `json:"load_balancer"`
	Panic        bool   `json:"panic"`
	Latency      struct {
		P99Seconds float64 `json:"p99_seconds"`
	} `json:"latency"`
	Endpoints []Endpoint `json:"endpoints"`
}

// Endpoint is one of an upstream.
type Endpoint struct {
	Address      string            `json:"address"`
	Weight       int               `json:"weight"`
	InFlight     int64             `json:"in_flight"`
	Requests     uint64            `json:"requests"`
	Responses    map[string]uint64 `json:"responses"`
	Available    bool              `json:"available"`
	Health       string            `json:"health"`
	Breaker      string            `json:"circuit_breaker"`
	EjectedUntil *time.Time        `json:"ejected_until"`
	LastError    string            `json:"last_error"`
	LastProbe    string            `json:"last_probe_error"`
	Connections  struct {
		Active int64 `json:"active"`
		Idle   int64 `json:"idle"`
	} `json:"connections"`
}

// Plugin is one of /plugins.
type Plugin struct {
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	SHA256   string   `json:"sha256"`
	Disabled bool     `json:"disabled"`
	Routes   []string `json:"routes"`
	Traps    int64    `json:"traps"`
	Breaker  struct {
		State string `json:"state"`
	} `json:"breaker"`
	Cost      map[string]PhaseCost `json:"cost"`
	Instances []struct {
		MemoryBytes int64  `json:"memory_bytes"`
		Failure     string `json:"failure"`
	} `json:"instances"`
}

// PhaseCost is what one phase of a plugin has cost.
type PhaseCost struct {
	Calls      uint64  `json:"calls"`
	Seconds    float64 `json:"seconds"`
	P99Seconds float64 `json:"p99_seconds"`
}

// Routes asks for all routes.
func (c *Client) Routes(ctx context.Context) (list []Route, err error) {
	answer := map[string][]Route{}
	err = c.Get(ctx, "/routes", &answer)
	return answer["routes"], err
}

// Upstreams asks for all upstreams.
func (c *Client) Upstreams(ctx context.Context) (list []Upstream, err error) {
	answer := map[string][]Upstream{}
	err = c.Get(ctx, "/upstreams", &answer)
	return answer["upstreams"], err
}

// Plugins asks for all plugins.
func (c *Client) Plugins(ctx context.Context) (list []Plugin, err error) {
	answer := map[string][]Plugin{}
	err = c.Get(ctx, "/plugins", &answer)
	return answer["plugins"], err
}
