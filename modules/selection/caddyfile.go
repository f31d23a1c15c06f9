package selection

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile reads the weights of any of the policies.
//
//	lb_policy loom_<policy> {
//		weight <address> <number>
//	}
func (p *policy) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return p.read(d, p.readWord) }

// UnmarshalCaddyfile reads what is hashed.
//
//	lb_policy loom_consistent_hash {
//		header         <name>
//		cookie         <name>
//		client_ip
//		balance_factor <percent>
//		weight         <address> <number>
//	}
func (s *ConsistentHash) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return s.read(d, s.readWord)
}

func (p *policy) read(d *caddyfile.Dispenser, word func(*caddyfile.Dispenser) error) error {
	d.Next() // the policy's name
	if d.NextArg() {
		return d.Errf("the policy takes no value, only a block")
	}
	for d.NextBlock(0) {
		if err := word(d); err != nil {
			return err
		}
	}
	return nil
}

func (p *policy) readWord(d *caddyfile.Dispenser) error {
	if d.Val() != "weight" {
		return d.Errf("the policy does not know %q, write `weight <address> <number>`", d.Val())
	}
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Errf("weight takes an address and a number")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 1 {
		return d.Errf("weight takes a whole number from 1 up, not %q", args[1])
	}
	if p.Weights == nil {
		p.Weights = map[string]int{}
	}
	p.Weights[args[0]] = n
	return nil
}

func (s *ConsistentHash) readWord(d *caddyfile.Dispenser) (err error) {
	word := d.Val()
	switch word {
	case "weight":
		return s.policy.readWord(d)
	case "client_ip":
		s.ClientIP = true
		if d.NextArg() {
			return d.ArgErr()
		}
		return nil
	}
	if !d.NextArg() {
		return d.Errf("%s needs a value", word)
	}
	switch value := d.Val(); word {
	case "header":
		s.Header = value
	case "cookie":
		s.Cookie = value
	case "balance_factor":
		if s.BalanceFactor, err = strconv.Atoi(value); err != nil {
			return d.Errf("balance_factor takes a whole number, such as 125, not %q", value)
		}
	default:
		return d.Errf("loom_consistent_hash does not know %q, write header, cookie, client_ip, balance_factor or weight", word)
	}
	return nil
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*Weighted)(nil)
	_ caddyfile.Unmarshaler = (*ConsistentHash)(nil)
)
