package gateway

import (
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"
)

// validate checks the settings that are read, but not acted on yet. Those of the pool are checked as it is built.
func (u *Upstream) validate() error {
	var problems []error
	if u.HealthCheck != nil {
		problems = append(problems, u.HealthCheck.validate())
	}
	if u.CircuitBreaker != nil {
		problems = append(problems, u.CircuitBreaker.validate())
	}
	return errors.Join(problems...)
}

func (h *HealthCheck) validate() error {
	if !strings.HasPrefix(h.Path, "/") {
		return fmt.Errorf("health_check path %q: must start with a slash", h.Path)
	}
	if h.Interval < 0 || h.Timeout < 0 {
		return errors.New("health_check: interval and timeout must not be negative")
	}
	if h.HealthyThreshold < 0 || h.UnhealthyThreshold < 0 {
		return errors.New("health_check: healthy_threshold and unhealthy_threshold must be 1 or more")
	}
	return nil
}

func (c *CircuitBreaker) validate() error {
	if c.FailureThreshold < 0 || c.SuccessThreshold < 0 {
		return errors.New("circuit_breaker: failure_threshold and success_threshold must be 1 or more")
	}
	if c.Timeout < 0 {
		return errors.New("circuit_breaker: timeout must not be negative")
	}
	return nil
}

// warnAboutIdleSettings says in one line what this version reads without acting on it.
func (a *App) warnAboutIdleSettings() {
	var health, breakers []string
	for _, name := range sortedNames(a.Upstreams) {
		if a.Upstreams[name].HealthCheck != nil {
			health = append(health, name)
		}
		if a.Upstreams[name].CircuitBreaker != nil {
			breakers = append(breakers, name)
		}
	}
	if len(health)+len(breakers) > 0 {
		a.logger.Warn("this version does not act on health_check and circuit_breaker yet: all endpoints get traffic",
			zap.Strings("health_check_of_upstreams", health), zap.Strings("circuit_breaker_of_upstreams", breakers))
	}
}
