// Package origins knows whether a web origin is one of those that a config allows.
package origins

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/jub0bs/cors"
	"github.com/jub0bs/cors/cfgerrors"
)

// Set is a set of origins. It is safe for concurrent use.
type Set struct{ policy http.Handler }

// New makes a set of patterns: https://example.com, https://*.example.com, http://localhost:* or *. The matching is that of the
// CORS library, which has it right.
func New(patterns []string) (*Set, error) {
	m, err := cors.NewMiddleware(cors.Config{Origins: patterns})
	if err == nil {
		return &Set{m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))}, nil
	}
	var problems []error
	for problem := range cfgerrors.All(err) {
		if e := (*cfgerrors.UnacceptableOriginPatternError)(nil); errors.As(problem, &e) {
			problem = Advice(e)
		}
		problems = append(problems, problem)
	}
	slices.SortFunc(problems, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return nil, errors.Join(problems...)
}

// Advice says what to write instead of a pattern.
func Advice(err *cfgerrors.UnacceptableOriginPatternError) error {
	if err.Reason == "missing" {
		return errors.New("origins: name at least one, such as https://example.com")
	}
	return fmt.Errorf("origin %q: write scheme://host without a path and without a default port, such as https://example.com or https://*.example.com", err.Value)
}

// Has reports whether an origin, as a browser sends it, is in the set.
func (s *Set) Has(origin string) bool {
	answer := response{}
	s.policy.ServeHTTP(answer, &http.Request{Method: http.MethodGet, Header: http.Header{"Origin": {origin}}})
	return len(answer["Access-Control-Allow-Origin"]) > 0
}

// response is one of which only the headers count.
type response http.Header

// Header implements http.ResponseWriter.
func (r response) Header() http.Header { return http.Header(r) }

// Write implements http.ResponseWriter.
func (response) Write(data []byte) (int, error) { return len(data), nil }

// WriteHeader implements http.ResponseWriter.
func (response) WriteHeader(int) {}
