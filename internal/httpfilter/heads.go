package httpfilter

import (
	"net/http"
	"sync"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// requestHead finds the request's headers. They may be read during the whole stream, and changed until they go on.
func (x *exchange) requestHead() (proxywasm.HeaderMap, bool) {
	open := x.requestPhase != phaseIdle && !x.forwarded.Load()
	if x.filter.plugin.Profile().HidesForwardedHeaders() {
		open = open && (x.requestPhase == phaseHeaders || x.headersHeld)
		if !open && !x.logging {
			return nil, false
		}
	}
	if x.requestPhase == phaseIdle && x.responsePhase == phaseIdle && !x.logging {
		return nil, false
	}
	return &x.requestMap, open
}

// responseHead finds the response's headers, from their callback on.
func (x *exchange) responseHead() (proxywasm.HeaderMap, bool) {
	w, profile := &x.response, x.filter.plugin.Profile()
	open := x.responsePhase != phaseIdle && !w.committed
	switch {
	case x.logging && (w.wroteHeader || x.errorShown):
	case x.responsePhase == phaseIdle && x.requestPhase != phaseIdle && profile.StoresResponseHeaders():
		return &x.later, true
	case x.responsePhase == phaseIdle:
		return nil, false
	case profile.HidesForwardedHeaders() && x.responsePhase != phaseHeaders && !w.held:
		return nil, false
	}
	return &w.headers, open
}

// laterHeaders are changes of response headers that are made before there is a response. The response may begin while a
// callback of the request's body runs.
type laterHeaders struct {
	mu      sync.Mutex
	changes []func(http.Header)
}

func (m *laterHeaders) record(change func(http.Header)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes = append(m.changes, change)
}

func (m *laterHeaders) apply(h http.Header) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, change := range m.changes {
		change(h)
	}
}

// Len implements proxywasm.HeaderMap: there is nothing to read yet.
func (m *laterHeaders) Len() int { return 0 }

// AppendPairs implements proxywasm.HeaderMap.
func (m *laterHeaders) AppendPairs(dst []abi.Pair) []abi.Pair { return dst }

// Get implements proxywasm.HeaderMap.
func (m *laterHeaders) Get([]byte) (string, bool) { return "", false }

// Add implements proxywasm.HeaderMap.
func (m *laterHeaders) Add(name, value []byte) string { return m.put(name, value, http.Header.Add) }

// Set implements proxywasm.HeaderMap.
func (m *laterHeaders) Set(name, value []byte) string { return m.put(name, value, http.Header.Set) }

func (m *laterHeaders) put(name, value []byte, put func(http.Header, string, string)) (refused string) {
	n, v := string(name), string(value)
	if refused := check(n, v); refused != "" {
		return refused
	}
	m.record(func(h http.Header) { put(h, n, v) })
	return ""
}

// Remove implements proxywasm.HeaderMap.
func (m *laterHeaders) Remove(name []byte) string {
	n := string(name)
	m.record(func(h http.Header) { h.Del(n) })
	return ""
}

// Replace implements proxywasm.HeaderMap. The host that this is for merges instead.
func (m *laterHeaders) Replace(pairs []abi.Pair) (refused string) {
	for _, p := range pairs {
		if problem := m.Set([]byte(p.Name), []byte(p.Value)); problem != "" {
			refused = problem
		}
	}
	return refused
}

// Interface guard
var _ proxywasm.HeaderMap = (*laterHeaders)(nil)
