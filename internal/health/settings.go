// Package health finds out which endpoints are well: by probes of its own, and by what becomes of requests.
package health

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The kinds of probes.
const (
	HTTP = "http" // a request, whose answer is looked at
	TCP  = "tcp"  // a connection
	GRPC = "grpc" // grpc.health.v1.Health/Check
)

// Settings of the probes of one upstream. Zero fields stand for the defaults.
type Settings struct {
	// Type is HTTP, TCP or GRPC. Default: HTTP.
	Type string
	// Path of HTTP, with a query if there is one. Required for HTTP.
	Path string
	// Method of HTTP. Default: GET.
	Method string
	// Host header of HTTP, and authority of GRPC. Default: the endpoint's address.
	Host string
	// Headers of HTTP. Default: none.
	Headers map[string]string
	// Statuses that pass with HTTP, as ParseStatuses reads them. Default: 200-399.
	Statuses []string
	// Body is a regular expression that the first 64 KiB of the answer to HTTP must match. Default: any body.
	Body string
	// Service is what GRPC asks for. Default: empty, the whole server.
	Service string

	// Interval between probes of one endpoint. While an endpoint is down it is probed HealthyThreshold times as often, so
	// that it is back within one interval. Default: 10s.
	Interval time.Duration
	// Jitter is by how much of Interval a pause may be shorter or longer, in percent. Default: 10; negative: none.
	Jitter int
	// Timeout of one probe. Default: 2s.
	Timeout time.Duration
	// HealthyThreshold passes in a row bring an endpoint up. Default: 2.
	HealthyThreshold int
	// UnhealthyThreshold failures in a row take it down. Default: 3.
	UnhealthyThreshold int
	// InitiallyUnhealthy keeps traffic from endpoints that no probe has found healthy yet: one pass is enough then.
	// Default: they get traffic until they fail.
	InitiallyUnhealthy bool
}

// Defaults of Settings.
const (
	DefaultInterval           = 10 * time.Second
	DefaultJitter             = 10
	DefaultTimeout            = 2 * time.Second
	DefaultHealthyThreshold   = 2
	DefaultUnhealthyThreshold = 3
)

// WithDefaults fills in what is not set.
func (s Settings) WithDefaults() Settings {
	s.Type = or(s.Type, HTTP)
	s.Method = or(s.Method, http.MethodGet)
	s.Interval, s.Timeout = or(s.Interval, DefaultInterval), or(s.Timeout, DefaultTimeout)
	s.Jitter = or(s.Jitter, DefaultJitter)
	s.HealthyThreshold = or(s.HealthyThreshold, DefaultHealthyThreshold)
	s.UnhealthyThreshold = or(s.UnhealthyThreshold, DefaultUnhealthyThreshold)
	if len(s.Statuses) == 0 {
		s.Statuses = []string{"200-399"}
	}
	return s
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Check says what is wrong with settings that have their defaults.
func (s Settings) Check() error {
	if !slices.Contains([]string{HTTP, TCP, GRPC}, s.Type) {
		return fmt.Errorf("type %q is unknown: use %s, %s or %s", s.Type, HTTP, TCP, GRPC)
	}
	if s.Type == HTTP && !strings.HasPrefix(s.Path, "/") {
		return fmt.Errorf("path %q: must start with a slash", s.Path)
	}
	if s.Type != HTTP && (s.Path != "" || s.Body != "" || len(s.Headers) > 0 || s.Method != http.MethodGet) {
		return fmt.Errorf("path, method, headers and body are for the type %s, and not for %s", HTTP, s.Type)
	}
	if s.Type != GRPC && s.Service != "" {
		return fmt.Errorf("service is for the type %s, and not for %s", GRPC, s.Type)
	}
	if s.Interval < 0 || s.Timeout < 0 {
		return errors.New("interval and timeout must not be negative")
	}
	if s.HealthyThreshold < 0 || s.UnhealthyThreshold < 0 {
		return errors.New("healthy_threshold and unhealthy_threshold must be 1 or more")
	}
	if s.Jitter > 100 {
		return fmt.Errorf("jitter %d: must be a percentage from 1 to 100", s.Jitter)
	}
	if _, err := ParseStatuses(s.Statuses); err != nil {
		return err
	}
	if _, err := regexp.Compile(s.Body); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}
