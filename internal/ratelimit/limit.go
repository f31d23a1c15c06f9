package ratelimit

import (
	"errors"
	"fmt"
	"time"
)

// MaxLimits is how many limits one key may have.
const MaxLimits = 4

const (
	// shortest is the shortest interval between requests: Redis counts time in microseconds.
	shortest = time.Microsecond
	// longest is the longest that a bucket may take to fill.
	longest = 10 * 365 * 24 * time.Hour
)

// Limit is a rate: Rate requests in each Per, Burst of them at once.
type Limit struct {
	// Rate is how many requests pass in each Per, in the long run. Required.
	Rate int
	// Per is the time that Rate is about. Required.
	Per time.Duration
	// Burst is how many requests may come at once, after a time without any. Default: Rate.
	Burst int
}

// rule is a limit as the algorithm knows it.
type rule struct {
	interval time.Duration // the time that one request costs
	full     time.Duration // the time that an empty bucket takes to fill
	burst    int64
}

// Rules are the limits of a key, all of which a request must keep.
type Rules struct {
	rules  [MaxLimits]rule
	n      int
	limits []Limit
}

// NewRules checks limits. Errors say which one is wrong, and why.
func NewRules(limits []Limit) (*Rules, error) {
	if len(limits) == 0 || len(limits) > MaxLimits {
		return nil, fmt.Errorf("there are %d limits: write one to %d", len(limits), MaxLimits)
	}
	rules := &Rules{n: len(limits)}
	for i, l := range limits {
		if l.Burst == 0 {
			l.Burst = l.Rate
		}
		r, err := l.rule()
		if err != nil {
			return nil, fmt.Errorf("limit %d: %w", i+1, err)
		}
		rules.rules[i] = r
		rules.limits = append(rules.limits, l)
	}
	return rules, nil
}

// Limits are the limits with their defaults.
func (r *Rules) Limits() []Limit { return r.limits }

func (l Limit) rule() (rule, error) {
	switch {
	case l.Rate < 1:
		return rule{}, errors.New("rate must be 1 or more")
	case l.Per <= 0:
		return rule{}, errors.New("per must be longer than nothing, such as 1s")
	case l.Burst < 1:
		return rule{}, errors.New("burst must be 1 or more")
	}
	interval := (l.Per + time.Duration(l.Rate)/2) / time.Duration(l.Rate)
	switch {
	case interval < shortest:
		return rule{}, fmt.Errorf("%d in %s is above the highest rate, 1000000 in 1s", l.Rate, l.Per)
	case l.Per > longest || interval > longest/time.Duration(l.Burst):
		return rule{}, fmt.Errorf("a burst of %d at %d in %s takes longer than ten years to come back", l.Burst, l.Rate, l.Per)
	}
	return rule{interval: interval, full: interval * time.Duration(l.Burst), burst: int64(l.Burst)}, nil
}
