package pluginwatch

import (
	"slices"
	"strings"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// maxChanges bounds the header changes that are kept of one phase, for a plugin may make any number.
const maxChanges = 64

// change is one name of a header that a plugin has changed. Values are never kept: they may be secrets.
type change struct {
	in   abi.MapType
	how  how
	name string
}

// how a header was changed.
type how uint8

const (
	added how = iota
	replaced
	removed
)

func (h how) String() string { return [...]string{"added", "replaced", "removed"}[h] }

func hows() []how { return []how{added, replaced, removed} }

// claim makes what was changed meanwhile the doing of a phase. The lock must be held.
func (r *Record) claim(p *phase) {
	for _, c := range r.pending {
		if len(p.changes) < maxChanges && !slices.Contains(p.changes, c) {
			p.changes = append(p.changes, c)
		}
	}
	r.pending = r.pending[:0]
}

func (r *Record) changed(in abi.MapType, how how, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) < maxChanges {
		r.pending = append(r.pending, change{in, how, strings.ToLower(name)})
	}
}

// Recorded makes the record see what a guest writes to a map.
func (r *Record) Recorded(t abi.MapType, m proxywasm.HeaderMap) proxywasm.HeaderMap {
	return &watchedMap{m, t, r}
}

// watchedMap is a map whose changes are recorded. What it could not take is no change.
type watchedMap struct {
	proxywasm.HeaderMap
	kind   abi.MapType
	record *Record
}

// Add implements proxywasm.HeaderMap.
func (m *watchedMap) Add(name, value []byte) (refused string) {
	if refused = m.HeaderMap.Add(name, value); refused == "" {
		m.record.changed(m.kind, added, string(name))
	}
	return refused
}

// Set implements proxywasm.HeaderMap.
func (m *watchedMap) Set(name, value []byte) (refused string) {
	how := added
	if _, there := m.Get(name); there {
		how = replaced
	}
	if refused = m.HeaderMap.Set(name, value); refused == "" {
		m.record.changed(m.kind, how, string(name))
	}
	return refused
}

// Remove implements proxywasm.HeaderMap.
func (m *watchedMap) Remove(name []byte) (refused string) {
	_, there := m.Get(name)
	if refused = m.HeaderMap.Remove(name); refused == "" && there {
		m.record.changed(m.kind, removed, string(name))
	}
	return refused
}

// Replace implements proxywasm.HeaderMap.
func (m *watchedMap) Replace(pairs []abi.Pair) (refused string) {
	before := values(m.AppendPairs(nil))
	refused = m.HeaderMap.Replace(pairs)
	after := values(m.AppendPairs(nil))
	for name, list := range after {
		if old, there := before[name]; !there {
			m.record.changed(m.kind, added, name)
		} else if !slices.Equal(old, list) {
			m.record.changed(m.kind, replaced, name)
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			m.record.changed(m.kind, removed, name)
		}
	}
	return refused
}

func values(pairs []abi.Pair) map[string][]string {
	byName := make(map[string][]string, len(pairs))
	for _, p := range pairs {
		byName[p.Name] = append(byName[p.Name], p.Value)
	}
	return byName
}
