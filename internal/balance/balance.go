// Package balance picks one of n endpoints: pure policies that know indexes and weights, not networks.
package balance

import (
	"errors"
	"fmt"
)

// Picker picks an endpoint by index. It is safe for concurrent use.
type Picker interface {
	// Pick returns the index of an endpoint that accept allows, or -1 when it allows none. accept may be called
	// any number of times and must have no side effects; nil accepts every endpoint.
	Pick(accept func(i int) bool) int
}

// RoundRobinName is the name of RoundRobin in configs.
const RoundRobinName = "round_robin"

// Names are the policies that New knows.
func Names() []string { return []string{RoundRobinName} }

// ErrUnknown is the error of New for a name that is not in Names.
var ErrUnknown = errors.New("unknown policy")

// New returns the policy of that name over endpoints with the given weights.
func New(name string, weights []int) (Picker, error) {
	if name != RoundRobinName {
		return nil, fmt.Errorf("%w %q", ErrUnknown, name)
	}
	return NewRoundRobin(weights)
}

// Interface guard
var _ Picker = (*RoundRobin)(nil)
