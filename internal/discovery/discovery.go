// Package discovery finds the backends behind a name in DNS: addresses (A and AAAA), or hosts with port, weight and priority (SRV).
package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Types of a Query.
const (
	Addresses = "a"   // A and AAAA
	Services  = "srv" // SRV, and then the addresses of their hosts
)

// Types are the valid values of Query.Type.
func Types() []string { return []string{Addresses, Services} }

// Query is what to look up.
type Query struct {
	// Type is one of Types.
	Type string
	// Name is the whole name; with a system's resolver its search domains apply.
	Name string
	// Port of Addresses.
	Port uint16
}

// Target is one backend.
type Target struct {
	Address netip.AddrPort
	// Host is the name that the address belongs to.
	Host string
	// Weight is its share, 1 or more.
	Weight int
}

// Answer to a Query.
type Answer struct {
	// Targets by address, each once.
	Targets []Target
	// TTL is how long the answer holds. 0: nobody knows.
	TTL time.Duration
}

// MaxTargets is the most targets of an answer.
const MaxTargets = 1000

// Errors of Resolver.Resolve beside those of the network.
var (
	ErrNone = errors.New("there are no addresses")
	ErrMany = fmt.Errorf("there are more than %d addresses", MaxTargets)
)

// Resolver looks names up. It is safe for concurrent use.
type Resolver struct{ source source }

// source answers single questions. Both may give part of an answer with an error.
type source interface {
	addresses(ctx context.Context, host string) (found, error)
	services(ctx context.Context, name string) ([]service, time.Duration, error)
}

// found are the addresses of a host.
type found struct {
	list []netip.Addr
	ttl  time.Duration
}

// service is an SRV record.
type service struct {
	host             string
	port             uint16
	priority, weight uint16
	known            *found // the host's addresses, when the answer had them
}

// Resolve looks up a name. Targets may come with an error: part of the answer is missing then.
// Errors: ErrNone, ErrMany, and what the network or a server says.
func (r Resolver) Resolve(ctx context.Context, q Query) (Answer, error) {
	resolve := r.hosts
	if q.Type == Services {
		resolve = r.services
	}
	answer, err := resolve(ctx, q)
	slices.SortFunc(answer.Targets, func(a, b Target) int { return a.Address.Compare(b.Address) })
	answer.Targets = slices.CompactFunc(answer.Targets, func(a, b Target) bool { return a.Address == b.Address })
	switch {
	case len(answer.Targets) > MaxTargets:
		return Answer{}, ErrMany
	case len(answer.Targets) == 0 && err == nil:
		return Answer{}, ErrNone
	}
	return answer, err
}

func (r Resolver) hosts(ctx context.Context, q Query) (Answer, error) {
	addresses, err := r.source.addresses(ctx, q.Name)
	answer := Answer{TTL: addresses.ttl}
	for _, a := range addresses.list {
		answer.Targets = append(answer.Targets, Target{netip.AddrPortFrom(a.Unmap(), q.Port), q.Name, 1})
	}
	return answer, err
}

// services takes the records of the lowest priority, as RFC 2782 has it.
func (r Resolver) services(ctx context.Context, q Query) (Answer, error) {
	records, ttl, err := r.source.services(ctx, q.Name)
	if err != nil {
		return Answer{}, err
	}
	records = slices.DeleteFunc(records, func(s service) bool { return strings.Trim(s.host, ".") == "" || s.port == 0 }) // "." says that there is none
	if len(records) == 0 {
		return Answer{}, nil
	}
	if len(records) > MaxTargets {
		return Answer{}, ErrMany
	}
	first := slices.MinFunc(records, func(a, b service) int { return cmp.Compare(a.priority, b.priority) }).priority
	answer := Answer{TTL: ttl}
	var problems []error
	for _, s := range records {
		if s.priority == first {
			problems = append(problems, r.add(ctx, &answer, s))
		}
	}
	scale(answer.Targets)
	return answer, errors.Join(problems...)
}

// add adds the addresses of a service's host. Together they have its weight.
func (r Resolver) add(ctx context.Context, to *Answer, s service) error {
	addresses, host := s.known, strings.TrimSuffix(s.host, ".")
	var err error
	if addresses == nil {
		addresses = new(found)
		if *addresses, err = r.source.addresses(ctx, host); errors.Is(err, ErrNone) {
			err = nil // the other hosts may have some
		}
	}
	if addresses.ttl > 0 && addresses.ttl < to.TTL {
		to.TTL = addresses.ttl
	}
	for _, a := range addresses.list {
		// Twelve can be shared by up to four evenly, and leaves no weight of a record without a share.
		to.Targets = append(to.Targets, Target{netip.AddrPortFrom(a.Unmap(), s.port), host, max(1, 12*int(s.weight)/len(addresses.list))})
	}
	return err
}

// maxWeight bounds the weights, so that the sum of those of MaxTargets fits a round of the balancer.
const maxWeight = 60

// scale takes the weights to what a balancer can lay out, with small ones at 1 as the RFC has it for 0.
func scale(targets []Target) {
	divisor, most := 0, 0
	for _, t := range targets {
		divisor, most = gcd(divisor, t.Weight), max(most, t.Weight)
	}
	for i := range targets {
		w := &targets[i].Weight
		if *w /= divisor; most/divisor > maxWeight {
			*w = max(1, (*w*maxWeight+most/divisor/2)/(most/divisor))
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
