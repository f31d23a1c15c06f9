package loomadapter

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/discovery"
	"github.com/loom-gateway/loom/internal/health"
	"github.com/loom-gateway/loom/plugins"
)

func (v *validator) upstreams() {
	names := map[string]int{}
	for i := range v.doc.Upstreams {
		u := &v.doc.Upstreams[i]
		if v.required(u.Name, u.Pos, "name", "backend") {
			v.unique("upstream", names, u.Name, u.Pos.key("name"))
		}
		if len(u.Endpoints) == 0 {
			v.errorf(u.Pos, "endpoints is missing: write at least one, such as [\"localhost:3000\"]")
		}
		v.endpoints(u)
		if u.TLS != nil && u.Protocol != "https" {
			v.errorf(u.Pos.key("tls"), "tls needs protocol: https")
		}
		v.hash(u)
		v.thresholds(u)
		v.retries(u.Retries)
		v.retryBudget(u.RetryBudget)
		v.connectionPool(u)
		v.dns(u)
	}
}

func (v *validator) hash(u *Upstream) {
	hashes := u.LoadBalancer == balance.ConsistentHashName
	if u.Hash == nil {
		if hashes {
			v.errorf(u.Pos.key("load_balancer"), "consistent_hash needs hash, such as {header: X-User}, {cookie: session} or {client_ip: true}")
		}
		return
	}
	if !hashes {
		v.errorf(u.Pos.key("hash"), "hash needs load_balancer: consistent_hash")
	}
	sources := 0
	for _, set := range []bool{u.Hash.Header != "", u.Hash.Cookie != "", u.Hash.ClientIP} {
		if set {
			sources++
		}
	}
	if sources != 1 {
		v.errorf(u.Hash.Pos, "write exactly one of header, cookie and client_ip")
	}
	if f := u.Hash.BalanceFactor; f != 0 && (f <= 100 || f > 10_000) {
		v.errorf(u.Hash.Pos.key("balance_factor"), "%d: write a percentage from 101 to 10000", f)
	}
}

func (v *validator) endpoints(u *Upstream) {
	seen := map[string]int{}
	for _, e := range u.Endpoints {
		if v.required(e.Address, e.Pos, "address", "localhost:3000") {
			if scheme, rest, ok := strings.Cut(e.Address, "://"); ok {
				v.errorf(e.Pos, "%q: write %q and protocol: %s", e.Address, rest, scheme)
				continue
			}
			if !v.resolve(u, e) {
				v.address(e.Address, e.Pos, false)
			}
			v.unique("endpoint", seen, e.Address, e.Pos)
		}
		if w := e.Weight; w != nil && (*w < 1 || *w > 10_000) {
			v.errorf(e.Pos.key("weight"), "%d: write a weight from 1 to 10000, or remove the endpoint", *w)
		}
	}
}

// resolve checks an endpoint that stands for others, and reports whether its address is a name without a port.
func (v *validator) resolve(u *Upstream, e Endpoint) bool {
	if e.Resolve == "" || strings.Contains(e.Address, "{env.") {
		return false
	}
	host, _, err := net.SplitHostPort(e.Address)
	if err != nil {
		host = e.Address
	}
	srv := e.Resolve == discovery.Services
	_, literal := netip.ParseAddr(host)
	switch {
	case literal == nil || strings.HasPrefix(host, "unix/"):
		v.errorf(e.Pos, "%q is no name to look up: remove resolve", e.Address)
	case srv && err == nil:
		v.errorf(e.Pos, "%q: SRV records have ports of their own: write a name such as _http._tcp.%s", e.Address, host)
	case srv && u.Protocol == "https" && (u.TLS == nil || u.TLS.ServerName == "" && !u.TLS.InsecureSkipVerify):
		v.errorf(e.Pos, "resolve: srv with protocol: https needs tls.server_name, since an answer of DNS must not say whom to trust")
	}
	return srv
}

func (v *validator) dns(u *Upstream) {
	if u.DNS == nil {
		return
	}
	if !slices.ContainsFunc(u.Endpoints, func(e Endpoint) bool { return e.Resolve != "" }) {
		v.errorf(u.Pos.key("dns"), "dns needs an endpoint with resolve: a or resolve: srv")
	}
	if _, err := discovery.Servers(u.DNS.Resolvers); err != nil {
		v.errorf(u.DNS.Pos.key("resolvers"), "%v", err)
	}
}

func (v *validator) thresholds(u *Upstream) {
	v.healthCheck(u)
	v.percent(u.Pos, "panic_threshold", u.PanicThreshold)
	if b := u.CircuitBreaker; b != nil {
		v.notNegative(b.Pos, "failure_threshold", b.FailureThreshold)
		v.notNegative(b.Pos, "success_threshold", b.SuccessThreshold)
		v.notNegative(b.Pos, "minimum_requests", b.MinimumRequests)
		v.notNegative(b.Pos, "half_open_requests", b.HalfOpenRequests)
		v.percent(b.Pos, "failure_rate", b.FailureRate)
		v.statuses(b.Pos, "failure_statuses", b.FailureStatuses)
	}
	if p := u.PassiveHealth; p != nil {
		v.notNegative(p.Pos, "failure_threshold", p.FailureThreshold)
		v.percent(p.Pos, "max_ejected", p.MaxEjected)
		v.statuses(p.Pos, "failure_statuses", p.FailureStatuses)
	}
}

func (v *validator) connectionPool(u *Upstream) {
	p := u.ConnectionPool
	if p == nil {
		return
	}
	v.notNegative(p.Pos, "max_idle_per_endpoint", p.MaxIdlePerEndpoint)
	v.notNegative(p.Pos, "max_per_endpoint", p.MaxPerEndpoint)
	v.notNegative(p.Pos, "max_requests_per_endpoint", p.MaxRequests)
	if p.MaxPerEndpoint > 0 && (u.Protocol == "h2c" || u.Protocol == "grpc") {
		v.errorf(p.Pos.key("max_per_endpoint"), "a connection of the protocol %s carries many requests: write max_requests_per_endpoint", u.Protocol)
	}
	if p.MaxWaiting < -1 {
		v.errorf(p.Pos.key("max_waiting"), "%d: write how many may wait, or -1 for none", p.MaxWaiting)
	}
	if (p.MaxWaiting != 0 || p.WaitTimeout != 0) && p.MaxPerEndpoint == 0 && p.MaxRequests == 0 {
		v.errorf(p.Pos, "nobody waits without a limit: write max_per_endpoint or max_requests_per_endpoint, or remove max_waiting and wait_timeout")
	}
}

func (v *validator) healthCheck(u *Upstream) {
	h := u.HealthCheck
	if h == nil {
		return
	}
	switch {
	case h.Type == health.TCP || h.Type == health.GRPC:
		if h.Path != "" || h.Method != "" || h.Headers != nil || h.ExpectBody != "" || h.ExpectStatus != nil {
			v.errorf(h.Pos, "path, method, headers, expect_status and expect_body are for the type http, and not for %s", h.Type)
		}
		if h.Type == health.GRPC && (u.Protocol == "" || u.Protocol == "http") {
			v.errorf(h.Pos.key("type"), "grpc needs protocol: grpc, h2c or https")
		}
	case v.required(h.Path, h.Pos, "path", "/health") && !strings.HasPrefix(h.Path, "/"):
		v.errorf(h.Pos.key("path"), "%q: begin it with a slash", h.Path)
	}
	if h.Service != "" && h.Type != health.GRPC {
		v.errorf(h.Pos.key("service"), "service is for type: grpc")
	}
	v.notNegative(h.Pos, "healthy_threshold", h.HealthyThreshold)
	v.notNegative(h.Pos, "unhealthy_threshold", h.UnhealthyThreshold)
	if h.Jitter < -1 || h.Jitter > 100 {
		v.errorf(h.Pos.key("jitter"), "%d: write a percentage from 1 to 100, or -1 for none", h.Jitter)
	}
	v.statuses(h.Pos, "expect_status", h.ExpectStatus)
	if _, err := regexp.Compile(h.ExpectBody); err != nil {
		v.errorf(h.Pos.key("expect_body"), "%v", err)
	}
}

func (v *validator) percent(at Pos, key string, n int) {
	if n < 0 || n > 100 {
		v.errorf(at.key(key), "%d: write a percentage from 1 to 100", n)
	}
}

func (v *validator) statuses(at Pos, key string, list StringList) {
	if _, err := health.ParseStatuses(list); err != nil {
		v.errorf(at.key(key), "%v", err)
	}
}

func (v *validator) plugins() {
	names := map[string]int{}
	for i := range v.doc.Plugins {
		p := &v.doc.Plugins[i]
		if !v.required(p.Name, p.Pos, "name", "jwt") {
			continue
		}
		v.unique("plugin", names, p.Name, p.Pos.key("name"))
		if _, bundled := plugins.Bundled(p.Name); p.Path == "" && !bundled {
			v.errorf(p.Pos, "path is missing: name the .wasm file (bundled in the binary are %s)", strings.Join(plugins.BundledNames(), ", "))
		}
		v.notNegative(p.Pos, "instances", p.Instances)
		if l := p.Limits; l != nil {
			for key, n := range map[string]int{"log_rate": l.LogRate, "metrics": l.Metrics, "queue_items": l.QueueItems, "calls": l.Calls, "request_calls": l.RequestCalls, "request_calls_in_all": l.RequestCallsInAll} {
				v.notNegative(l.Pos, key, n)
			}
		}
		if b := p.CircuitBreaker; b != nil {
			v.notNegative(b.Pos, "failure_threshold", b.FailureThreshold)
		}
		if p.Allow != nil {
			for _, address := range p.Allow.Addresses {
				v.address(address, p.Allow.Pos.key("addresses"), false)
			}
			for _, u := range p.Allow.Upstreams {
				v.reference("upstream", u, v.upstreamNames(), p.Allow.Pos.key("upstreams"))
			}
		}
	}
}
