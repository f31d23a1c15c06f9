package caddyfile

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/middleware/ratelimit"
)

// parseRateLimit reads the directive that bounds how many requests clients may make. Limiters of one name count together; without
// a name each route counts for itself.
//
//	loom_rate_limit [<matcher>] [<name>] {
//		limit          <rate> [<per> [<burst>]]
//		key            client_ip|header:<name>|cookie:<name>|claim:<name>|route|all...
//		ipv6_prefix    <bits>
//		on_missing_key client_ip|allow|deny
//		max_keys       <number>
//		redis          <name>
//		on_store_error local|allow|deny
//		headers        trio|draft|off
//		enforce        true|false
//	}
func parseRateLimit(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	handler := &ratelimit.Handler{}
	if h.NextArg() {
		handler.Name = h.Val()
	}
	if h.NextArg() {
		return nil, h.Errf("loom_rate_limit takes one name, and a block with limits")
	}
	b := block{
		owner: "loom_rate_limit",
		words: map[string]reader{
			"limit":          func(d *caddyfile.Dispenser) error { return readLimit(d, handler) },
			"key":            list(&handler.Key),
			"ipv6_prefix":    number(&handler.IPv6Prefix),
			"on_missing_key": text(&handler.OnMissingKey),
			"max_keys":       number(&handler.MaxKeys),
			"redis":          text(&handler.Redis),
			"on_store_error": text(&handler.OnStoreError),
			"headers":        text(&handler.Headers),
			"enforce": func(d *caddyfile.Dispenser) error {
				handler.Enforce = new(bool)
				return onOff(handler.Enforce)(d)
			},
		},
		many: []string{"limit", "key"},
	}
	if err := b.read(h.Dispenser); err != nil {
		return nil, err
	}
	if len(handler.Limits) == 0 {
		return nil, h.Errf("loom_rate_limit needs a limit, such as `limit 10 1s`")
	}
	if err := handler.Check(); err != nil {
		return nil, h.Errf("%v", err)
	}
	return handler, nil
}

// readLimit reads a rate, the time that it is about, and what may come at once.
func readLimit(d *caddyfile.Dispenser, h *ratelimit.Handler) error {
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 3 {
		return d.Errf("limit takes a rate, the time that it is about and a burst, such as `limit 10 1s 20`")
	}
	var limit ratelimit.Limit
	var err error
	if limit.Rate, err = strconv.Atoi(args[0]); err != nil {
		return d.Errf("limit takes a whole number of requests first, not %q", args[0])
	}
	if len(args) > 1 {
		per, err := caddy.ParseDuration(args[1])
		if err != nil {
			return d.Errf("limit takes a duration behind the rate, such as 1s, not %q", args[1])
		}
		limit.Per = caddy.Duration(per)
	}
	if len(args) > 2 {
		if limit.Burst, err = strconv.Atoi(args[2]); err != nil {
			return d.Errf("limit takes a whole number as its burst, not %q", args[2])
		}
	}
	h.Limits = append(h.Limits, limit)
	return noBlock(d, "limit")
}

// readRedis reads a Redis server in which gateways share what they count.
//
//	redis <name> <address> {
//		username       <name>
//		password       <password>
//		db             <number>
//		tls {
//			server_name <name>
//			ca          <file>
//			cert        <file>
//			key         <file>
//			insecure_skip_verify
//		}
//		prefix         <text>
//		timeout        <duration>
//		retry_interval <duration>
//		pool_size      <number>
//	}
func readRedis(d *caddyfile.Dispenser, app *gateway.App) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Errf("redis takes a name and an address, such as `redis counters localhost:6379`")
	}
	if _, again := app.Redis[args[0]]; again {
		return d.Errf("redis %s is defined twice", args[0])
	}
	r := &gateway.Redis{Address: args[1]}
	b := block{
		owner: "redis",
		words: map[string]reader{
			"username":       text(&r.Username),
			"password":       text(&r.Password),
			"db":             number(&r.DB),
			"tls":            func(d *caddyfile.Dispenser) error { return readClientTLS(d, &r.TLS) },
			"prefix":         text(&r.Prefix),
			"timeout":        duration(&r.Timeout),
			"retry_interval": duration(&r.RetryInterval),
			"pool_size":      number(&r.PoolSize),
		},
	}
	if err := b.read(d); err != nil {
		return err
	}
	if app.Redis == nil {
		app.Redis = make(map[string]*gateway.Redis)
	}
	app.Redis[args[0]] = r
	return nil
}
