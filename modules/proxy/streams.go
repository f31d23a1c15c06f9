package proxy

import (
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// mostReplaced is how many replaced configs may stay in memory because connections that they have upgraded are still open. The
// connections of the oldest are closed for another.
const mostReplaced = 64

// replaced are the proxies of replaced configs, with upgraded connections to upstreams that are still there.
var replaced replacedProxies //nolint:gochecknoglobals // connections outlive a config

// replacedProxies are in the order in which their configs were replaced.
type replacedProxies struct {
	mu      sync.Mutex
	proxies []*sharedProxy
}

// serve has Caddy's reverse_proxy do it, and counts who is about to upgrade.
func (s *sharedProxy) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.Header.Get("Upgrade") != "" || r.Method == http.MethodConnect {
		s.upgrades.Add(1)
		defer func() {
			if s.upgrades.Add(-1) == 0 {
				replaced.remove(s)
			}
		}()
	}
	return s.ServeHTTP(w, r, next)
}

// Cleanup leaves upgraded connections open as long as their upstream is in use: nothing has changed for them. Caddy would close all
// of them.
func (s *sharedProxy) Cleanup() error {
	if caddy.Exiting() {
		return errors.Join(s.closeNow(), replaced.closeAll())
	}
	replaced.add(s)
	return replaced.sweep()
}

// closeNow says goodbye on each upgraded connection, and closes it.
func (s *sharedProxy) closeNow() error {
	s.StreamCloseDelay = 0
	return s.Handler.Cleanup()
}

func (p *replacedProxies) add(s *sharedProxy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proxies = append(p.proxies, s)
}

func (p *replacedProxies) remove(s *sharedProxy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proxies = slices.DeleteFunc(p.proxies, func(other *sharedProxy) bool { return other == s })
}

// sweep lets go of those that have no connection any more, and those of upstreams that are gone, whose connections end after
// streamCloseDelay; and closes the connections of the oldest when they are too many.
func (p *replacedProxies) sweep() error {
	var problems []error
	p.mu.Lock()
	p.proxies = slices.DeleteFunc(p.proxies, func(s *sharedProxy) bool {
		if s.upgrades.Load() > 0 && !s.upstream.Closed() {
			return false
		}
		problems = append(problems, s.Handler.Cleanup())
		return true
	})
	excess := max(0, len(p.proxies)-mostReplaced)
	oldest := slices.Clone(p.proxies[:excess])
	p.proxies = slices.Delete(p.proxies, 0, excess)
	p.mu.Unlock()
	for _, s := range oldest {
		problems = append(problems, s.closeNow())
	}
	return errors.Join(problems...)
}

func (p *replacedProxies) closeAll() error {
	p.mu.Lock()
	all := p.proxies
	p.proxies = nil
	p.mu.Unlock()
	var problems []error
	for _, s := range all {
		problems = append(problems, s.closeNow())
	}
	return errors.Join(problems...)
}

// Interface guard
var _ caddy.CleanerUpper = (*sharedProxy)(nil)
