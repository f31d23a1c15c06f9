// Package filterstate is what the plugins of one request, and the proxy behind them, tell each other about it.
package filterstate

import (
	"errors"
	"sync"
)

const (
	// maxEntries and maxBytes bound what the plugins may keep on one request.
	maxEntries = 256
	maxBytes   = 1 << 20
)

// ErrFull is a request that has no room for another entry.
var ErrFull = errors.New("the plugins have set more properties on the request than it may carry: 256 entries, 1 MiB")

// State is Envoy's filter state: it lives as long as the request, and every plugin of the request sees the same. The zero
// value is empty and ready. It is safe for concurrent use: the request and the response move independently.
type State struct {
	mu      sync.Mutex
	entries map[string][]byte
	size    int
	limits  [2]int64

	upstream Upstream
	chosen   bool
	failure  Failure
	host     string
	verdicts []Verdict
}

// Set keeps a copy of value.
func (s *State) Set(key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, exists := s.entries[key]
	size := s.size + len(value) - len(old)
	if !exists {
		size += len(key)
	}
	if size > maxBytes || (!exists && len(s.entries) >= maxEntries) {
		return ErrFull
	}
	if s.entries == nil {
		s.entries = map[string][]byte{}
	}
	s.entries[key], s.size = append([]byte(nil), value...), size
	return nil
}

// Get returns the value, which must not be changed.
func (s *State) Get(key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.entries[key]
	return value, ok
}

// Direction says which of the two bodies is meant.
type Direction uint8

// The directions.
const (
	Request Direction = iota
	Response
)

// LimitBody sets how much may be buffered of a body, in bytes, instead of the plugins' own limits.
func (s *State) LimitBody(d Direction, limit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits[d] = limit
}

// BodyLimit is what LimitBody has set, or otherwise.
func (s *State) BodyLimit(d Direction, otherwise int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limits[d] > 0 {
		return s.limits[d]
	}
	return otherwise
}
