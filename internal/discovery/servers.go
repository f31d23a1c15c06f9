package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// rounds is how often each server is asked before a lookup has failed: a datagram may be lost.
const rounds = 2

// udpSize is the largest answer over UDP that passes every network whole; larger ones come over TCP.
const udpSize = 1232

// Servers asks DNS servers, given as ip or ip:port, in their order: the next one when one does not answer. Names are taken as
// they are, without search domains. Errors: addresses that are none.
func Servers(addresses []string) (Resolver, error) {
	s := servers{}
	for _, a := range addresses {
		server, err := netip.ParseAddrPort(a)
		if ip, bare := netip.ParseAddr(a); bare == nil {
			server, err = netip.AddrPortFrom(ip, 53), nil
		}
		if err != nil || server.Port() == 0 {
			return Resolver{}, fmt.Errorf("resolver %q: write an IP address with or without a port, such as 10.0.0.2:53", a)
		}
		s = append(s, server.String())
	}
	return Resolver{s}, nil
}

type servers []string

func (s servers) addresses(ctx context.Context, host string) (found, error) {
	var all found
	var problems []error
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		res, err := s.ask(ctx, host, kind)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		all.take(res.Answer, "")
	}
	if err := errors.Join(problems...); err != nil || len(all.list) > 0 {
		return all, err
	}
	return all, ErrNone
}

// take adds the addresses among the records; those of one host, unless that is empty: aliases have been followed then.
func (f *found) take(records []dns.RR, host string) {
	for _, r := range records {
		h := r.Header()
		if host != "" && !strings.EqualFold(h.Name, host) {
			continue
		}
		var ip netip.Addr
		switch r := r.(type) {
		case *dns.A:
			ip, _ = netip.AddrFromSlice(r.A)
		case *dns.AAAA:
			ip, _ = netip.AddrFromSlice(r.AAAA)
		case *dns.CNAME:
		default:
			continue
		}
		if ip.IsValid() {
			f.list = append(f.list, ip)
		}
		f.ttl = shorter(f.ttl, h)
	}
}

// shorter is the shorter one of two times, of which a zero is none. A record that does not hold at all holds for a moment.
func shorter(ttl time.Duration, h *dns.RR_Header) time.Duration {
	other := max(time.Duration(h.Ttl)*time.Second, time.Millisecond)
	if ttl == 0 || other < ttl {
		return other
	}
	return ttl
}

func (s servers) services(ctx context.Context, name string) (list []service, ttl time.Duration, err error) {
	res, err := s.ask(ctx, name, dns.TypeSRV)
	if err != nil {
		return nil, 0, err
	}
	for _, r := range res.Answer {
		ttl = shorter(ttl, r.Header())
		srv, ok := r.(*dns.SRV)
		if !ok {
			continue
		}
		record := service{host: srv.Target, port: srv.Port, priority: srv.Priority, weight: srv.Weight}
		known := new(found)
		if known.take(res.Extra, srv.Target); len(known.list) > 0 {
			record.known = known
		}
		list = append(list, record)
	}
	return list, ttl, nil
}

// ask asks the servers until one answers. A name that does not exist is an answer without records.
func (s servers) ask(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(name), kind)
	question.SetEdns0(udpSize, false)
	var last error
	for range rounds {
		for _, server := range s {
			res, err := s.exchange(ctx, question, server)
			if err == nil {
				return res, nil
			}
			last = fmt.Errorf("asking %s for %s of %s: %w", server, dns.TypeToString[kind], name, err)
			if ctx.Err() != nil {
				return nil, last
			}
		}
	}
	return nil, last
}

// exchange asks one server, over TCP when the answer does not fit a datagram. It gets its share of the time that is left.
func (s servers) exchange(ctx context.Context, question *dns.Msg, server string) (*dns.Msg, error) {
	if ends, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(ends)/time.Duration(rounds*len(s)))
		defer cancel()
	}
	res, err := exchangeOver(ctx, "udp", question, server)
	if err == nil && res.Truncated {
		res, err = exchangeOver(ctx, "tcp", question, server)
	}
	if err != nil {
		return nil, err
	}
	if res.Rcode != dns.RcodeSuccess && res.Rcode != dns.RcodeNameError {
		return nil, errors.New("it answered " + dns.RcodeToString[res.Rcode])
	}
	return res, nil
}

func exchangeOver(ctx context.Context, network string, question *dns.Msg, server string) (*dns.Msg, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	client := dns.Client{Net: network, UDPSize: udpSize, Timeout: time.Hour} // the context ends it earlier
	res, _, err := client.ExchangeWithConnContext(ctx, question, &dns.Conn{Conn: conn})
	if err == nil && len(res.Question) == 1 && !strings.EqualFold(res.Question[0].Name, question.Question[0].Name) {
		err = errors.New("it answered another question")
	}
	return res, err
}
