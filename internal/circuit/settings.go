package circuit

import (
	"errors"
	"time"
)

// Settings say when a breaker opens and closes. Zero fields stand for the defaults, but for FailureRate.
type Settings struct {
	// FailureThreshold failures in a row open it. Default: 5.
	FailureThreshold int
	// FailureRate opens it as well, in percent of the results within Window, once there are MinimumRequests of them.
	// Default: 0, only failures in a row count.
	FailureRate int
	// MinimumRequests are the fewest results in Window of which FailureRate is taken. Default: 20.
	MinimumRequests int
	// Window of FailureRate, kept in tenths. Default: 10s.
	Window time.Duration
	// Timeout is how long it stays open, before probes are let through. Default: 30s.
	Timeout time.Duration
	// Probes are the most requests at a time that a half-open breaker lets through. Default: 1.
	Probes int
	// SuccessThreshold successes of probes, without a failure between them, close it. Default: 3.
	SuccessThreshold int
}

// Defaults of Settings.
const (
	DefaultFailureThreshold = 5
	DefaultMinimumRequests  = 20
	DefaultWindow           = 10 * time.Second
	DefaultTimeout          = 30 * time.Second
	DefaultProbes           = 1
	DefaultSuccessThreshold = 3
)

// WithDefaults fills in what is not set.
func (s Settings) WithDefaults() Settings {
	for field, value := range map[*int]int{
		&s.FailureThreshold: DefaultFailureThreshold, &s.MinimumRequests: DefaultMinimumRequests,
		&s.Probes: DefaultProbes, &s.SuccessThreshold: DefaultSuccessThreshold,
	} {
		if *field == 0 {
			*field = value
		}
	}
	if s.Window == 0 {
		s.Window = DefaultWindow
	}
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	return s
}

// Check refuses what has no meaning.
func (s Settings) Check() error {
	if s.FailureThreshold < 0 || s.SuccessThreshold < 0 || s.MinimumRequests < 0 || s.Probes < 0 {
		return errors.New("thresholds and numbers of requests must be 1 or more")
	}
	if s.FailureRate < 0 || s.FailureRate > 100 {
		return errors.New("failure_rate must be a percentage from 1 to 100")
	}
	if s.Timeout < 0 || s.Window < 0 {
		return errors.New("window and timeout must not be negative")
	}
	return nil
}
