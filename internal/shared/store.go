// Package shared keeps what the instances of plugins share: key-value data and queues, scoped by vm_id.
package shared

import (
	"sync"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Store holds the spaces of all vm_ids. It outlives plugins and configs: a space is there as long as
// somebody has it open, so that a reload finds what the old config counted.
type Store struct {
	mu     sync.Mutex
	spaces map[string]*Space
	queues *queues
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{spaces: map[string]*Space{}, queues: newQueues()}
}

// Space is what plugins with the same vm_id share.
type Space struct {
	*Data
	*Queues
	store *Store
	vmID  string
	users int
}

// Limits are how much may be in a space after a write of one plugin; others may have other limits.
type Limits struct {
	// Data is the most that keys and values may take, and Queues the items of all queues, in bytes.
	Data, Queues int
	// QueueItems is the most items of one queue.
	QueueItems int
}

// View is a space as one plugin may use it.
type View struct {
	*Space
	limits Limits
}

// Set implements proxywasm.SharedData.
func (v *View) Set(key string, value []byte, cas uint32) abi.Status {
	return v.set(key, value, cas, v.limits.Data)
}

// Swap implements proxywasm.SharedData.
func (v *View) Swap(key string, value []byte, cas uint32) abi.Status {
	return v.swap(key, value, cas, v.limits.Data)
}

// Enqueue implements proxywasm.Queues.
func (v *View) Enqueue(token uint32, value []byte) abi.Status {
	return v.enqueue(token, value, v.limits)
}

// Open returns the space of a vm_id, for a plugin with the default limits. Every Open needs one Close.
func (s *Store) Open(vmID string) *View {
	d := proxywasm.DefaultLimits()
	return s.OpenWithin(vmID, Limits{Data: d.SharedBytes, Queues: d.QueueBytes, QueueItems: d.QueueItems})
}

// OpenWithin is Open for a plugin with other limits.
func (s *Store) OpenWithin(vmID string, limits Limits) *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	space := s.spaces[vmID]
	if space == nil {
		space = &Space{Data: newData(), Queues: &Queues{vmID: vmID, all: s.queues}, store: s, vmID: vmID}
		s.spaces[vmID] = space
	}
	space.users++
	return &View{space, limits}
}

// Close releases the space; the last one drops its data and queues.
func (s *Space) Close() {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(s.store.spaces, s.vmID)
		s.store.queues.drop(s.vmID)
	}
}

// Interface guards
var (
	_ proxywasm.SharedData = (*View)(nil)
	_ proxywasm.Queues     = (*View)(nil)
)
