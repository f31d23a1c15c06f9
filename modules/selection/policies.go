package selection

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/upstream"
)

func init() {
	caddy.RegisterModule(new(Weighted))
	caddy.RegisterModule(new(LeastConn))
	caddy.RegisterModule(new(Random))
	caddy.RegisterModule(new(TwoChoices))
	caddy.RegisterModule(new(EWMA))
	caddy.RegisterModule(new(ConsistentHash))
}

func info(name string, new func() caddy.Module) caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID("http.reverse_proxy.selection_policies.loom_" + name), New: new}
}

// Weighted is `loom_weighted`: turns by weight, spread over the round. When an upstream is not available, the others keep
// their shares among themselves.
type Weighted struct{ policy }

// CaddyModule says who the module is.
func (*Weighted) CaddyModule() caddy.ModuleInfo {
	return info("weighted", func() caddy.Module { return new(Weighted) })
}

// Provision checks the weights.
func (s *Weighted) Provision(caddy.Context) error { return s.provision(balance.WeightedName, false) }

// Select implements reverseproxy.Selector.
func (s *Weighted) Select(pool reverseproxy.UpstreamPool, r *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	return s.pick(pool, r, 0)
}

// LeastConn is `loom_least_conn`: the fewest requests in flight by weight; equals take turns.
type LeastConn struct{ policy }

// CaddyModule says who the module is.
func (*LeastConn) CaddyModule() caddy.ModuleInfo {
	return info("least_conn", func() caddy.Module { return new(LeastConn) })
}

// Provision checks the weights.
func (s *LeastConn) Provision(caddy.Context) error { return s.provision(balance.LeastConnName, true) }

// Select implements reverseproxy.Selector.
func (s *LeastConn) Select(pool reverseproxy.UpstreamPool, r *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	return s.pick(pool, r, 0)
}

// Random is `loom_random`: by chance and weight.
type Random struct{ policy }

// CaddyModule says who the module is.
func (*Random) CaddyModule() caddy.ModuleInfo {
	return info("random", func() caddy.Module { return new(Random) })
}

// Provision checks the weights.
func (s *Random) Provision(caddy.Context) error { return s.provision(balance.RandomName, false) }

// Select implements reverseproxy.Selector.
func (s *Random) Select(pool reverseproxy.UpstreamPool, r *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	return s.pick(pool, r, 0)
}

// TwoChoices is `loom_p2c`: two by chance, and the one with fewer requests in flight by weight.
type TwoChoices struct{ policy }

// CaddyModule says who the module is.
func (*TwoChoices) CaddyModule() caddy.ModuleInfo {
	return info("p2c", func() caddy.Module { return new(TwoChoices) })
}

// Provision checks the weights.
func (s *TwoChoices) Provision(caddy.Context) error { return s.provision(balance.TwoChoicesName, true) }

// Select implements reverseproxy.Selector.
func (s *TwoChoices) Select(pool reverseproxy.UpstreamPool, r *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	return s.pick(pool, r, 0)
}

// EWMA is `loom_ewma`: two by chance, and the one that is expected to be done first, by how long whole requests took.
type EWMA struct{ policy }

// CaddyModule says who the module is.
func (*EWMA) CaddyModule() caddy.ModuleInfo {
	return info("ewma", func() caddy.Module { return new(EWMA) })
}

// Provision checks the weights.
func (s *EWMA) Provision(caddy.Context) error { return s.provision(balance.EWMAName, true) }

// Select implements reverseproxy.Selector.
func (s *EWMA) Select(pool reverseproxy.UpstreamPool, r *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	return s.pick(pool, r, 0)
}

// ConsistentHash is `loom_consistent_hash`: equal keys go to the same upstream. Exactly one of header, cookie and client_ip is required; requests without the header or the
// cookie are spread at random.
type ConsistentHash struct {
	policy

	// Header is the name of a request header, whose first value counts. Default: none.
	Header string `json:"header,omitempty"`

	// Cookie is the name of a cookie. Default: none.
	Cookie string `json:"cookie,omitempty"`

	// ClientIP takes the client's address. Default: false.
	ClientIP bool `json:"client_ip,omitempty"`

	// BalanceFactor is how many requests in flight an upstream may have before its keys go to the next one, in percent of
	// its share: from 101 to 10000. Default: 0, no bound.
	BalanceFactor int `json:"balance_factor,omitempty"`

	hash upstream.Hash
}

// CaddyModule says who the module is.
func (*ConsistentHash) CaddyModule() caddy.ModuleInfo {
	return info("consistent_hash", func() caddy.Module { return new(ConsistentHash) })
}

// Provision checks what is hashed, and the weights.
func (s *ConsistentHash) Provision(caddy.Context) error {
	s.hash = upstream.Hash{Header: s.Header, Cookie: s.Cookie, ClientIP: s.ClientIP}
	if err := s.hash.Check(); err != nil {
		return fmt.Errorf("loom_%w", err)
	}
	s.options.BalanceFactor = s.BalanceFactor
	return s.provision(balance.ConsistentHashName, true)
}

// Select implements reverseproxy.Selector.
func (s *ConsistentHash) Select(pool reverseproxy.UpstreamPool, r *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	clientIP, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return s.pick(pool, r, s.hash.Key(r.Header, clientIP))
}

// Interface guards
var (
	_ reverseproxy.Selector = (*Weighted)(nil)
	_ reverseproxy.Selector = (*LeastConn)(nil)
	_ reverseproxy.Selector = (*Random)(nil)
	_ reverseproxy.Selector = (*TwoChoices)(nil)
	_ reverseproxy.Selector = (*EWMA)(nil)
	_ reverseproxy.Selector = (*ConsistentHash)(nil)
)
