// Package balance picks one of n endpoints: pure policies that know indexes, weights and load, not networks.
package balance

import (
	"errors"
	"fmt"
)

// Picker picks an endpoint by index. It is safe for concurrent use. Every endpoint is in until Set takes it out.
type Picker interface {
	// Pick returns the index of an endpoint that is in and not excluded, or -1 when there is none. nil excludes nothing.
	// key is where the request stands on the ring of consistent_hash; other policies do not look at it.
	// Each endpoint that was picked is given back with Done.
	Pick(key uint64, excluded Excluder) int
	// Done says that the request to the picked endpoint has ended.
	Done(i int)
	// Set takes an endpoint in or out. Picks that run at the same time may still see what was.
	Set(i int, in bool)
}

// Excluder names the endpoints that one request may not go to, such as those that it has tried. It is an interface and
// not a function so that a pick allocates nothing.
type Excluder interface{ Excluded(i int) bool }

// Endpoint is what a policy knows about an endpoint.
type Endpoint struct {
	// Name places the endpoint on the ring of consistent_hash.
	Name string
	// Weight is its share, 1 or more.
	Weight int
	// Load is how busy it is. p2c and ewma look at it; required for these two.
	Load *Load
}

// Options of the policies that have any.
type Options struct {
	// BalanceFactor is how much more than its share of the requests in flight an endpoint may have before
	// consistent_hash passes it over, in percent of the share: more than 100. Default: 0, no bound.
	BalanceFactor int
}

// The policies.
const (
	RoundRobinName     = "round_robin"
	WeightedName       = "weighted" // the same as RoundRobinName
	LeastConnName      = "least_conn"
	RandomName         = "random"
	TwoChoicesName     = "p2c"
	EWMAName           = "ewma"
	ConsistentHashName = "consistent_hash"
)

// Names are the policies that New knows.
func Names() []string {
	return []string{
		RoundRobinName, WeightedName, LeastConnName, RandomName, TwoChoicesName, EWMAName, ConsistentHashName,
	}
}

// ErrUnknown is the error of New for a name that is not in Names.
var ErrUnknown = errors.New("unknown policy")

// New returns the policy of that name over the endpoints, of which there is at least one.
func New(name string, endpoints []Endpoint, options Options) (Picker, error) {
	if err := check(endpoints); err != nil {
		return nil, err
	}
	switch name {
	case RoundRobinName, WeightedName:
		return NewRoundRobin(endpoints)
	case LeastConnName:
		return NewLeastConn(endpoints), nil
	case RandomName:
		return NewRandom(endpoints), nil
	case TwoChoicesName:
		return NewTwoChoices(endpoints), nil
	case EWMAName:
		return NewEWMA(endpoints), nil
	case ConsistentHashName:
		return NewConsistentHash(endpoints, options.BalanceFactor)
	}
	return nil, fmt.Errorf("%w %q", ErrUnknown, name)
}

// MaxWeight is the largest weight of an endpoint: products of weights and counts must fit in 64 bits.
const MaxWeight = 1 << 20

func check(endpoints []Endpoint) error {
	if len(endpoints) == 0 {
		return errors.New("no endpoints")
	}
	for i, e := range endpoints {
		if e.Weight < 1 || e.Weight > MaxWeight {
			return fmt.Errorf("weight %d of endpoint %d: must be from 1 to %d", e.Weight, i, MaxWeight)
		}
	}
	return nil
}

func allowed(i int, excluded Excluder) bool { return excluded == nil || !excluded.Excluded(i) }

// Interface guards
var (
	_ Picker = (*RoundRobin)(nil)
	_ Picker = (*LeastConn)(nil)
	_ Picker = (*Random)(nil)
	_ Picker = (*TwoChoices)(nil)
	_ Picker = (*ConsistentHash)(nil)
)
