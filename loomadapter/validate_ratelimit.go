package loomadapter

import (
	"errors"
	"slices"
	"strings"

	"github.com/loom-gateway/loom/internal/ratelimit"
)

const rateMissing = "rate is missing: write how many requests pass, such as {rate: 10, per: 1s}"

// rateLimits checks the servers, and the sections of the gateway and of routes.
func (v *validator) rateLimits() {
	servers := v.redis()
	if l := v.doc.RateLimit; l != nil {
		v.rateLimit(l, servers)
		if l.Pos.keys == nil && isOn(l.Enabled) {
			v.errorf(l.Pos, "%s", rateMissing)
		}
		if l.AfterPlugins {
			v.errorf(l.Pos.key("after_plugins"), "the gateway's limit is in front of all plugins: write rate_limit into the routes that have them")
		}
		if l.handler("").CountsClaims() {
			v.errorf(l.Pos.key("key"), "a claim is worth nothing until a plugin has checked the token: write rate_limit into the routes that have one")
		}
	}
	for i := range v.doc.Routes {
		if r := &v.doc.Routes[i]; r.RateLimit != nil {
			v.routeRateLimit(r, servers)
		}
	}
}

// redis checks the servers and returns the names that rate limits may use.
func (v *validator) redis() (names []string) {
	seen := map[string]int{}
	for i := range v.doc.Redis {
		r := &v.doc.Redis[i]
		if v.required(r.Name, r.Pos, "name", "counters") {
			v.unique("redis", seen, r.Name, r.Pos)
			names = append(names, r.Name)
		}
		if err := ratelimit.CheckAddress(r.Address); err != nil {
			v.errorf(r.Pos.key("address"), "%v", err)
		}
		v.notNegative(r.Pos, "db", r.DB)
		v.notNegative(r.Pos, "pool_size", r.PoolSize)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// rateLimit checks what the module does not know: how the document writes it.
func (v *validator) rateLimit(l *RateLimit, servers []string) {
	if l.Redis != "" {
		v.reference("redis", l.Redis, servers, l.Pos.key("redis"))
	}
	if len(l.Limits) > 0 && (l.Rate != 0 || l.Per != 0 || l.Burst != 0) {
		v.errorf(l.Pos.key("limits"), "rate, per or burst stand beside limits: write them as one of the limits")
	}
	if l.Pos.keys == nil || !isOn(l.Enabled) && l.Rate == 0 && len(l.Limits) == 0 {
		return // a word alone, or switched off
	}
	if len(l.Limits) == 0 && l.Rate == 0 {
		v.errorf(l.Pos, "%s", rateMissing)
		return
	}
	h := l.handler("")
	h.Headers, h.OnMissingKey, h.OnStoreError = "", "", "" // the tags have what these may be
	if err := h.Check(); err != nil {
		for problem := range strings.Lines(err.Error()) {
			v.errorf(l.Pos, "%s", strings.TrimSpace(problem))
		}
	}
}

func (v *validator) routeRateLimit(r *Route, servers []string) {
	l := r.RateLimit
	v.rateLimit(l, servers)
	if l.Pos.keys == nil && isOn(l.Enabled) && v.doc.RateLimit == nil {
		v.errorf(l.Pos, "there is no rate_limit of the gateway to switch on: write how many requests pass, such as {rate: 10, per: 1s}")
	}
	if r.countsBehindPlugins() && len(r.Plugins) == 0 {
		v.errorf(l.Pos, "%v", errNoPlugin(l))
	}
	if l.Name == "" && r.ID == gatewayLimiter && l.Pos.keys != nil && v.doc.RateLimit != nil {
		v.errorf(l.Pos, "the route would count together with the gateway's limit, whose name is its id: give one of them a name")
	}
}

func errNoPlugin(l *RateLimit) error {
	if l.AfterPlugins {
		return errors.New("after_plugins: the route has no plugins")
	}
	return errors.New("key " + strings.Join(l.Key, ", ") + ": a claim is worth nothing until a plugin has checked the token, and the route has none")
}
