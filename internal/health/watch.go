package health

import (
	"context"
	"math/rand/v2"
	"time"
)

// firstWithin is how long the first probe of an endpoint waits at most, so that those of many endpoints are spread.
const firstWithin = 500 * time.Millisecond

// Watch probes an endpoint until the context ends. report gets each result, and says whether the endpoint is down.
func Watch(ctx context.Context, s *Settings, probe Probe, report func(err error) (down bool)) {
	pause := time.NewTimer(rand.N(min(firstWithin, s.Interval/10) + 1))
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		err := once(ctx, s.Timeout, probe)
		if ctx.Err() != nil {
			return
		}
		if report(err) {
			pause.Reset(s.Interval / time.Duration(s.HealthyThreshold))
		} else {
			pause.Reset(jitter(s.Interval, s.Jitter))
		}
	}
}

func once(ctx context.Context, timeout time.Duration, probe Probe) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return probe(ctx)
}

// jitter is the length, shorter or longer by so many percent of it at most.
func jitter(length time.Duration, percent int) time.Duration {
	span := length * time.Duration(max(0, percent)) / 100
	return length - span + rand.N(2*span+1)
}
