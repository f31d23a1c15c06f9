package gateway

import (
	"fmt"
	"time"

	"github.com/loom-gateway/loom/internal/circuit"
	"github.com/loom-gateway/loom/internal/health"
	"github.com/loom-gateway/loom/internal/retry"
	"github.com/loom-gateway/loom/internal/upstream"
)

// resilience adds what keeps traffic flowing when endpoints fail.
func (u *Upstream) resilience(s *upstream.Settings) (err error) {
	s.PanicThreshold, s.SlowStart = u.PanicThreshold, time.Duration(u.SlowStart)
	if b := u.RetryBudget; b != nil {
		s.RetryBudget = retry.BudgetSettings{Percent: b.Percent, Window: time.Duration(b.Window), MinPerSecond: b.MinPerSecond}
	}
	if u.CircuitBreaker != nil {
		s.Breaker = &upstream.Breaker{Settings: u.CircuitBreaker.settings(), Statuses: u.CircuitBreaker.FailureStatuses}
	}
	if u.PassiveHealth != nil {
		s.Passive = u.PassiveHealth.settings()
	}
	if u.HealthCheck != nil {
		s.Health, err = u.HealthCheck.settings()
	}
	return err
}

func (c *CircuitBreaker) settings() circuit.Settings {
	return circuit.Settings{
		FailureThreshold: c.FailureThreshold,
		FailureRate:      c.FailureRate,
		MinimumRequests:  c.MinimumRequests,
		Window:           time.Duration(c.Window),
		Timeout:          time.Duration(c.Timeout),
		Probes:           c.HalfOpenRequests,
		SuccessThreshold: c.SuccessThreshold,
	}
}

func (p *PassiveHealth) settings() *upstream.Passive {
	return &upstream.Passive{Statuses: p.FailureStatuses, Passive: health.Passive{
		Failures:        p.FailureThreshold,
		EjectionTime:    time.Duration(p.EjectionTime),
		MaxEjectionTime: time.Duration(p.MaxEjectionTime),
		MaxEjected:      p.MaxEjected,
	}}
}

// initiallyUnhealthy is the word of health_check's initial that keeps traffic away before the first probe.
const initiallyUnhealthy = "unhealthy"

func (h *HealthCheck) settings() (*health.Settings, error) {
	if h.Initial != "" && h.Initial != "healthy" && h.Initial != initiallyUnhealthy {
		return nil, fmt.Errorf("health_check: initial %q: write healthy or unhealthy", h.Initial)
	}
	return &health.Settings{
		Type:               h.Type,
		Path:               h.Path,
		Method:             h.Method,
		Host:               h.Host,
		Headers:            h.Headers,
		Statuses:           h.ExpectStatus,
		Body:               h.ExpectBody,
		Service:            h.Service,
		Interval:           time.Duration(h.Interval),
		Jitter:             h.Jitter,
		Timeout:            time.Duration(h.Timeout),
		HealthyThreshold:   h.HealthyThreshold,
		UnhealthyThreshold: h.UnhealthyThreshold,
		InitiallyUnhealthy: h.Initial == initiallyUnhealthy,
	}, nil
}
