package caddyfile

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/loom-gateway/loom/internal/retry"
	"github.com/loom-gateway/loom/modules/gateway"
)

// readRetries reads retries of an upstream, or of a directive that names one. The word alone has the defaults.
func readRetries(into **gateway.Retries) reader {
	return func(d *caddyfile.Dispenser) error {
		r := &gateway.Retries{}
		*into = r
		if d.NextArg() {
			if d.Val() != "off" || d.NextArg() {
				return d.Errf("retries takes a block, or off")
			}
			r.Disabled = true
			return noBlock(d, "retries off")
		}
		b := block{
			owner: "retries",
			words: map[string]reader{
				"attempts":        number(&r.Attempts),
				"on":              checked(&r.On, retry.CheckCondition),
				"per_try_timeout": duration(&r.PerTryTimeout),
				"methods":         checked(&r.Methods, retry.CheckMethod),
				"body_limit":      size(&r.BodyLimit),
				"backoff":         func(d *caddyfile.Dispenser) error { return readBackoff(d, r) },
			},
			many: []string{"on", "methods"},
		}
		if err := b.read(d); err != nil {
			return err
		}
		if _, err := r.Policy(); err != nil {
			return d.WrapErr(err)
		}
		return nil
	}
}

// checked is a list of what a function finds nothing wrong with.
func checked(into *[]string, check func(string) error) reader {
	return func(d *caddyfile.Dispenser) error {
		word, before := d.Val(), len(*into)
		if err := list(into)(d); err != nil {
			return err
		}
		for _, value := range (*into)[before:] {
			if err := check(value); err != nil {
				return d.Errf("%s: %v", word, err)
			}
		}
		return nil
	}
}

func readBackoff(d *caddyfile.Dispenser, r *gateway.Retries) error {
	r.Backoff = &gateway.Backoff{}
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return d.Errf("backoff takes the bound of the first wait and the longest one, such as `backoff 25ms 250ms`")
	}
	for i, into := range []*caddy.Duration{&r.Backoff.Base, &r.Backoff.Max}[:len(args)] {
		parsed, err := caddy.ParseDuration(args[i])
		if err != nil {
			return d.Errf("backoff takes durations, such as 25ms, not %q", args[i])
		}
		*into = caddy.Duration(parsed)
	}
	return noBlock(d, "backoff")
}

// readRetryBudget reads the bound of an upstream's retries.
func readRetryBudget(d *caddyfile.Dispenser, u *gateway.Upstream) error {
	u.RetryBudget = &gateway.RetryBudget{}
	b := block{owner: "retry_budget", words: map[string]reader{
		"percent":        number(&u.RetryBudget.Percent),
		"window":         duration(&u.RetryBudget.Window),
		"min_per_second": number(&u.RetryBudget.MinPerSecond),
	}}
	return b.readAlone(d)
}
