package loomadapter

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/modules/gateway"
)

func convertUpstream(u *Upstream) *gateway.Upstream {
	out := &gateway.Upstream{LoadBalancer: u.LoadBalancer, Protocol: u.Protocol, ProxyProtocol: u.ProxyProtocol}
	for _, e := range u.Endpoints {
		endpoint := gateway.Endpoint{Address: e.Address, Resolve: e.Resolve}
		if e.Weight != nil {
			endpoint.Weight = *e.Weight
		}
		out.Endpoints = append(out.Endpoints, endpoint)
	}
	if d := u.DNS; d != nil {
		out.DNS = &gateway.UpstreamDNS{Resolvers: d.Resolvers, Interval: caddy.Duration(d.Interval), Timeout: caddy.Duration(d.Timeout)}
	}
	if h := u.Hash; h != nil {
		out.Hash = &gateway.UpstreamHash{Header: h.Header, Cookie: h.Cookie, ClientIP: h.ClientIP, BalanceFactor: h.BalanceFactor}
	}
	out.TLS = convertTLS(u.TLS)
	if p := u.ConnectionPool; p != nil {
		out.ConnectionPool = &gateway.ConnectionPool{
			MaxIdlePerEndpoint: p.MaxIdlePerEndpoint, MaxPerEndpoint: p.MaxPerEndpoint, MaxRequestsPerEndpoint: p.MaxRequests,
			MaxWaiting: p.MaxWaiting, WaitTimeout: caddy.Duration(p.WaitTimeout),
			IdleTimeout: caddy.Duration(p.IdleTimeout), DialTimeout: caddy.Duration(p.DialTimeout),
		}
	}
	if t := u.Transport; t != nil {
		out.Transport = &gateway.UpstreamTransport{Engine: t.Engine, MaxResponseHeader: int64(t.MaxResponseHeader)}
	}
	convertResilience(u, out)
	return out
}

func convertTLS(t *UpstreamTLS) *gateway.UpstreamTLS {
	if t == nil {
		return nil
	}
	return &gateway.UpstreamTLS{ServerName: t.ServerName, CA: t.CA, Cert: t.Cert, Key: t.Key, MinVersion: t.MinVersion, InsecureSkipVerify: t.InsecureSkipVerify}
}

func convertResilience(u *Upstream, out *gateway.Upstream) {
	out.Retries, out.RetryBudget = convertRetries(u.Retries), convertRetryBudget(u.RetryBudget)
	out.PanicThreshold, out.SlowStart = u.PanicThreshold, caddy.Duration(u.SlowStart)
	if h := u.HealthCheck; h != nil {
		out.HealthCheck = &gateway.HealthCheck{
			Type: h.Type, Path: h.Path, Method: h.Method, Host: h.Host, Headers: h.Headers, ExpectStatus: h.ExpectStatus, ExpectBody: h.ExpectBody,
			Service: h.Service, Interval: caddy.Duration(h.Interval), Jitter: h.Jitter, Timeout: caddy.Duration(h.Timeout),
			HealthyThreshold: h.HealthyThreshold, UnhealthyThreshold: h.UnhealthyThreshold, Initial: h.Initial,
		}
	}
	if b := u.CircuitBreaker; b != nil {
		out.CircuitBreaker = &gateway.CircuitBreaker{
			FailureThreshold: b.FailureThreshold, FailureRate: b.FailureRate, MinimumRequests: b.MinimumRequests, Window: caddy.Duration(b.Window),
			FailureStatuses: b.FailureStatuses, SuccessThreshold: b.SuccessThreshold, Timeout: caddy.Duration(b.Timeout),
			HalfOpenRequests: b.HalfOpenRequests,
		}
	}
	if p := u.PassiveHealth; p != nil {
		out.PassiveHealth = &gateway.PassiveHealth{
			FailureThreshold: p.FailureThreshold, FailureStatuses: p.FailureStatuses, EjectionTime: caddy.Duration(p.EjectionTime),
			MaxEjectionTime: caddy.Duration(p.MaxEjectionTime), MaxEjected: p.MaxEjected,
		}
	}
}
