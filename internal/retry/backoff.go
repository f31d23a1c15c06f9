package retry

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Backoff is how long a request waits before it is sent again: a time by chance between nothing and a bound that is twice
// as long with each try, which is called full jitter. What has failed together does not come back together.
type Backoff struct {
	// Base is the bound before the first retry. Default: 25ms.
	Base time.Duration
	// Max is the longest bound. Default: ten times Base.
	Max time.Duration
}

// DefaultBase is that of Backoff.
const DefaultBase = 25 * time.Millisecond

// maxFactor is how many times longer than Base the default of Max is.
const maxFactor = 10

func (b Backoff) withDefaults() Backoff {
	if b.Base == 0 {
		b.Base = DefaultBase
		if b.Max > 0 {
			b.Base = min(b.Base, b.Max)
		}
	}
	if b.Max == 0 {
		b.Max = maxFactor * b.Base
	}
	return b
}

// Bound is the longest wait before a retry, which are counted from 0.
func (b Backoff) Bound(retry int) time.Duration {
	bound := b.Base
	for range retry {
		if bound >= b.Max/2 {
			return b.Max
		}
		bound *= 2
	}
	return min(bound, b.Max)
}

// Delay is a wait before a retry.
func (b Backoff) Delay(retry int) time.Duration {
	bound := b.Bound(retry)
	if bound <= 0 {
		return 0
	}
	return rand.N(bound) //nolint:gosec // nobody gains by guessing it
}

// After is how long a backend asks to be left alone, by the Retry-After of its response; 0 when it does not.
func After(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
