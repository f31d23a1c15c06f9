package gateway

import (
	"errors"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// sharedThings are what handlers of one config keep in common, such as one proxy for all routes to an upstream.
type sharedThings struct {
	mu       sync.Mutex
	byKey    map[string]any
	cleanups []func() error
}

// Shared finds what is kept under the key for the life of this config, or makes it. A thing that is a
// caddy.CleanerUpper is cleaned up with the app. Keys begin with the name of the module that uses them.
func (a *App) Shared(key string, make func() (any, error)) (any, error) {
	a.shared.mu.Lock()
	defer a.shared.mu.Unlock()
	if thing, ok := a.shared.byKey[key]; ok {
		return thing, nil
	}
	thing, err := make()
	if err != nil {
		return nil, err
	}
	if a.shared.byKey == nil {
		a.shared.byKey = map[string]any{}
	}
	a.shared.byKey[key] = thing
	if c, ok := thing.(caddy.CleanerUpper); ok {
		a.shared.cleanups = append(a.shared.cleanups, c.Cleanup)
	}
	return thing, nil
}

// cleanup cleans up each thing once.
func (s *sharedThings) cleanup() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var problems []error
	for _, cleanup := range s.cleanups {
		problems = append(problems, cleanup())
	}
	s.cleanups = nil
	return errors.Join(problems...)
}
