package callout

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/upstream"
)

// httpsPort is taken for TLS wherever a plugin names an address without a scheme, as the hosts do that have such names.
const httpsPort = "443"

// find resolves what a plugin calls an upstream: a name of the config; Istio's and Higress' form of it,
// outbound|PORT||HOST; or an address that the plugin is allowed to call directly. secure asks for TLS where the name
// does not say, plain is the protocol without it.
func (c *Caller) find(name string, secure bool, plain string) (*upstream.Upstream, error) {
	lookup := c.lookup.Load()
	if lookup == nil || *lookup == nil {
		return nil, fmt.Errorf("%w %q: the gateway has none", proxywasm.ErrUnknownUpstream, name)
	}
	u, err := (*lookup)(name)
	if err == nil {
		return c.permit(name, u)
	}
	target, ok := parseTarget(name)
	if !ok {
		return nil, fmt.Errorf("%w (%w)", proxywasm.ErrUnknownUpstream, err)
	}
	if target.service != "" {
		for _, alias := range []string{target.service, strings.TrimSuffix(target.service, "."+target.registry)} {
			if u, err := (*lookup)(alias); err == nil {
				return c.permit(alias, u)
			}
		}
	}
	return c.direct.find(name, target, secure, plain)
}

// permit refuses an upstream that the plugin may not call.
func (c *Caller) permit(name string, u *upstream.Upstream) (*upstream.Upstream, error) {
	if c.upstreams == nil || slices.Contains(c.upstreams, name) {
		return u, nil
	}
	return nil, fmt.Errorf("%w %q: %w: the plugin's allow.upstreams does not list it", proxywasm.ErrUnknownUpstream, name, proxywasm.ErrDenied)
}

// target is an address that a plugin names instead of an upstream.
type target struct {
	address string // host:port
	secure  bool   // the name itself asks for TLS
	// service and registry are set for Istio's form: the host as it was written, and its last part when that names one
	// of Higress' registries (static, dns, nacos …), which is no part of the address.
	service, registry string
}

// parseTarget reads host:port, http://host, https://host:port and outbound|PORT|SUBSET|HOST.
func parseTarget(name string) (target, bool) {
	var t target
	host := name
	if rest, ok := strings.CutPrefix(name, "outbound|"); ok {
		parts := strings.Split(rest, "|")
		if len(parts) != 3 || parts[2] == "" {
			return t, false
		}
		t.service = parts[2]
		if i := strings.LastIndexByte(t.service, '.'); i > 0 && slices.Contains(registries(), t.service[i+1:]) {
			t.registry = t.service[i+1:]
		}
		host = net.JoinHostPort(strings.TrimSuffix(t.service, "."+t.registry), parts[0])
	} else if scheme, rest, ok := strings.Cut(name, "://"); ok {
		port, known := map[string]string{"http": "80", "https": httpsPort}[strings.ToLower(scheme)]
		if !known {
			return t, false
		}
		t.secure = port == httpsPort
		host = strings.TrimSuffix(rest, "/")
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
	}
	address, err := upstream.ParseAddress(strings.ToLower(host))
	if err != nil || address.Network != "tcp" {
		return t, false
	}
	t.address = address.Dial
	t.secure = t.secure || (address.Port == httpsPort && !strings.HasPrefix(name, "http:"))
	return t, true
}

// registries are the last parts of the names that Higress gives to services.
func registries() []string {
	return []string{"static", "dns", "nacos", "consul", "zookeeper", "eureka"}
}

// direct are the addresses that a plugin may call without an upstream, with connections of their own.
type direct struct {
	allowed []string

	mu     sync.Mutex
	opened map[string]*upstream.Upstream // by protocol and address
}

// Allow sets the upstreams that may be called, all with nil, and the addresses (host:port) that may be called directly. It must be
// called before the first call.
func (c *Caller) Allow(upstreams, addresses []string) {
	c.upstreams = upstreams
	for _, a := range addresses {
		c.direct.allowed = append(c.direct.allowed, strings.ToLower(a))
	}
}

func (d *direct) find(name string, t target, secure bool, plain string) (*upstream.Upstream, error) {
	if !slices.Contains(d.allowed, t.address) {
		return nil, fmt.Errorf("%w %q: %w: the config has no upstream of that name, and %s is not among the plugin's allow.addresses",
			proxywasm.ErrUnknownUpstream, name, proxywasm.ErrDenied, t.address)
	}
	protocol := plain
	if secure || t.secure {
		protocol = upstream.HTTPS
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := protocol + " " + t.address
	if u := d.opened[key]; u != nil {
		return u, nil
	}
	u, err := upstream.New(upstream.Settings{
		Name: t.address, Protocol: protocol, Endpoints: []upstream.EndpointSettings{{Address: t.address}},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", proxywasm.ErrUnknownUpstream, err)
	}
	if d.opened == nil {
		d.opened = map[string]*upstream.Upstream{}
	}
	d.opened[key] = u
	return u, nil
}

func (d *direct) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, u := range d.opened {
		u.Close()
	}
	d.opened = nil
}
