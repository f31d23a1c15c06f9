// Package retry says whether a request that has failed is sent again, when, and how often all of them may be.
//
//	      it failed in a way that the policy names, may be repeated, can be repeated, and the budget allows it
//	try ──────────────────────────────────────────────────────────────────────────────────────────────────▶ wait
//	 │ ▲                                                                                                      │
//	 │ └──────────────────────────── after the back-off, at another endpoint ─────────────────────────────────┘
//	 └──▶ in any other case, what came of it is the client's
//
// A Policy knows what may be repeated, a Body what can be, a Backoff when, and a Budget how often.
package retry

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/loom-gateway/loom/internal/health"
)

// Settings of a Policy. Zero fields stand for the defaults.
type Settings struct {
	// Attempts are the most tries after the first. Default: 2.
	Attempts int
	// On are the failures that are worth another try: Conditions, statuses as health.ParseStatuses reads them, and Codes.
	// Default: DefaultOn.
	On []string
	// PerTryTimeout bounds the time of one try until the head of its response. Default: 0, no limit.
	PerTryTimeout time.Duration
	// Methods of requests that may be sent again when the backend may have seen them. Default: DefaultMethods.
	Methods []string
	// BodyLimit is the longest body that is kept to be sent again, in bytes. Default: 64 KiB.
	BodyLimit int64
	// Backoff before each further try. Default: see each field.
	Backoff Backoff
}

// Defaults of Settings.
const (
	DefaultAttempts  = 2
	DefaultBodyLimit = 64 << 10
)

// MaxBodyLimit is the largest Settings.BodyLimit: a body that is kept is in memory.
const MaxBodyLimit = 64 << 20

// DefaultOn are the failures of Settings.On. A timeout is one when there is a PerTryTimeout.
func DefaultOn() []string { return []string{"connect-failure", "reset", "timeout", "502-504"} }

// DefaultMethods are those that RFC 9110 calls idempotent: doing it twice is doing it once.
func DefaultMethods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete}
}

// Policy is what is sent again. It does not change, and is safe for concurrent use.
type Policy struct {
	Settings
	conditions [reasons]bool
	statuses   health.Statuses
	codes      []string // as Grpc-Status says them
}

// New reads settings. The error names the field and what to write instead.
func New(s Settings) (*Policy, error) {
	s = s.withDefaults()
	p := &Policy{Settings: s}
	return p, errors.Join(s.check(), p.readConditions())
}

func (s Settings) withDefaults() Settings {
	if s.Attempts == 0 {
		s.Attempts = DefaultAttempts
	}
	if len(s.On) == 0 {
		s.On = DefaultOn()
	}
	if len(s.Methods) == 0 {
		s.Methods = DefaultMethods()
	}
	if s.BodyLimit == 0 {
		s.BodyLimit = DefaultBodyLimit
	}
	s.Backoff = s.Backoff.withDefaults()
	return s
}

func (s Settings) check() error {
	var problems []error
	if s.Attempts < 0 || s.Attempts > MaxAttempts {
		problems = append(problems, fmt.Errorf("attempts: write a number from 1 to %d, or switch retries off", MaxAttempts))
	}
	if s.PerTryTimeout < 0 {
		problems = append(problems, errors.New("per_try_timeout: must not be negative"))
	}
	if s.BodyLimit < 0 || s.BodyLimit > MaxBodyLimit {
		problems = append(problems, errors.New("body_limit: write a size up to 64MiB"))
	}
	if s.Backoff.Base < 0 || s.Backoff.Max < s.Backoff.Base {
		problems = append(problems, errors.New("backoff: base must not be negative, nor longer than max"))
	}
	for _, m := range s.Methods {
		if err := CheckMethod(m); err != nil {
			problems = append(problems, fmt.Errorf("methods: %w", err))
		}
	}
	return errors.Join(problems...)
}

// MaxAttempts is the largest Settings.Attempts.
const MaxAttempts = 20

// May reports whether a request that failed for the reason may be sent again, as far as its effects go. Without a
// connection it had none, and a gRPC code is in the policy for calls of gRPC, all of which are POST. A client that sends
// an Idempotency-Key, or an X-Idempotency-Key, says so itself.
func (p *Policy) May(why Reason, req *http.Request) bool {
	switch why {
	case None:
		return false
	case ConnectFailure, Code:
		return true
	}
	_, key := req.Header["Idempotency-Key"]
	_, other := req.Header["X-Idempotency-Key"]
	return key || other || slices.Contains(p.Methods, method(req))
}

func method(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}
