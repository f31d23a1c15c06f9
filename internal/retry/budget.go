package retry

import (
	"errors"
	"sync"
	"time"

	"github.com/loom-gateway/loom/internal/rolling"
)

// BudgetSettings bound the retries of all requests together. Zero fields stand for the defaults.
type BudgetSettings struct {
	// Percent of the requests within Window may be retries. Default: 20.
	Percent int
	// Window is kept in tenths. Default: 10s.
	Window time.Duration
	// MinPerSecond retries are allowed in any case, over the whole window, so that few requests can be sent again as well;
	// -1 is none. Default: 10.
	MinPerSecond int
}

// Defaults of BudgetSettings.
const (
	DefaultPercent      = 20
	DefaultWindow       = 10 * time.Second
	DefaultMinPerSecond = 10
)

// WithDefaults fills in what is not set.
func (s BudgetSettings) WithDefaults() BudgetSettings {
	if s.Percent == 0 {
		s.Percent = DefaultPercent
	}
	if s.Window == 0 {
		s.Window = DefaultWindow
	}
	if s.MinPerSecond == 0 {
		s.MinPerSecond = DefaultMinPerSecond
	}
	return s
}

// Check refuses what has no meaning.
func (s BudgetSettings) Check() error {
	switch {
	case s.Percent < 0 || s.Percent > 100:
		return errors.New("percent must be from 1 to 100")
	case s.Window < 0 || s.Window > 0 && s.Window < time.Second || s.Window > time.Hour:
		return errors.New("window must be from 1s to 1h")
	case s.MinPerSecond < -1:
		return errors.New("min_per_second must be a number, or -1 for none")
	}
	return nil
}

// noBound is a MinPerSecond that nobody reaches. More would overflow.
const noBound = 1_000_000

// least is how many retries are allowed in a window in any case.
func (s *BudgetSettings) least() int {
	return int(time.Duration(min(max(0, s.MinPerSecond), noBound)) * s.Window / time.Second)
}

// Budget counts requests and their retries. It is safe for concurrent use; the zero value has seen none. Every call brings
// the settings and the time: what was counted outlives a change of the settings.
type Budget struct {
	mu     sync.Mutex
	counts rolling.Window[struct{ requests, retries int }]
}

// Request counts a request that may be sent again some time.
func (b *Budget) Request(s *BudgetSettings, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts.Now(s.Window, now).requests++
}

// Retry asks to send one again, and counts that if it is allowed.
func (b *Budget) Retry(s *BudgetSettings, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	current := b.counts.Now(s.Window, now)
	requests, retries := 0, 0
	for _, c := range b.counts.All() {
		requests += c.requests
		retries += c.retries
	}
	if retries >= max(s.least(), requests*s.Percent/100) {
		return false
	}
	current.retries++
	return true
}
