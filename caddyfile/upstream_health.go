package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/loom-gateway/loom/modules/gateway"
)

func readHealthCheck(d *caddyfile.Dispenser, u *gateway.Upstream) error {
	h := &gateway.HealthCheck{}
	u.HealthCheck = h
	b := block{
		owner: "health_check",
		words: map[string]reader{
			"type":                text(&h.Type),
			"path":                text(&h.Path),
			"method":              text(&h.Method),
			"host":                text(&h.Host),
			"header":              pairs(&h.Headers),
			"expect_status":       list(&h.ExpectStatus),
			"expect_body":         text(&h.ExpectBody),
			"service":             text(&h.Service),
			"interval":            duration(&h.Interval),
			"jitter":              number(&h.Jitter),
			"timeout":             duration(&h.Timeout),
			"healthy_threshold":   number(&h.HealthyThreshold),
			"unhealthy_threshold": number(&h.UnhealthyThreshold),
			"initial":             text(&h.Initial),
		},
		many: []string{"header"},
	}
	if d.NextArg() {
		h.Path = d.Val()
		b.seen = map[string]int{"path": d.Line()}
	}
	if d.NextArg() {
		return d.Errf("health_check takes one path, then a block")
	}
	if err := b.read(d); err != nil {
		return err
	}
	if h.Path == "" && (h.Type == "" || h.Type == "http") {
		return d.Errf("health_check needs a path, such as `health_check /health`")
	}
	return nil
}

func readBreaker(d *caddyfile.Dispenser, u *gateway.Upstream) error {
	c := &gateway.CircuitBreaker{}
	u.CircuitBreaker = c
	b := block{owner: "circuit_breaker", words: map[string]reader{
		"failure_threshold":  number(&c.FailureThreshold),
		"failure_rate":       number(&c.FailureRate),
		"minimum_requests":   number(&c.MinimumRequests),
		"window":             duration(&c.Window),
		"failure_statuses":   list(&c.FailureStatuses),
		"success_threshold":  number(&c.SuccessThreshold),
		"timeout":            duration(&c.Timeout),
		"half_open_requests": number(&c.HalfOpenRequests),
	}}
	return b.readAlone(d)
}

func readPassiveHealth(d *caddyfile.Dispenser, u *gateway.Upstream) error {
	p := &gateway.PassiveHealth{}
	u.PassiveHealth = p
	b := block{owner: "passive_health", words: map[string]reader{
		"failure_threshold": number(&p.FailureThreshold),
		"failure_statuses":  list(&p.FailureStatuses),
		"ejection_time":     duration(&p.EjectionTime),
		"max_ejection_time": duration(&p.MaxEjectionTime),
		"max_ejected":       number(&p.MaxEjected),
	}}
	return b.readAlone(d)
}
