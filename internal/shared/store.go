// Package shared keeps what the instances of plugins share: key-value data and queues, scoped by vm_id.
package shared

import "sync"

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

// Open returns the space of a vm_id. Every Open needs one Close.
func (s *Store) Open(vmID string) *Space {
	s.mu.Lock()
	defer s.mu.Unlock()
	space := s.spaces[vmID]
	if space == nil {
		space = &Space{Data: newData(), Queues: &Queues{vmID: vmID, all: s.queues}, store: s, vmID: vmID}
		s.spaces[vmID] = space
	}
	space.users++
	return space
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
