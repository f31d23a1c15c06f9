package shared

import (
	"sync"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

const (
	// maxDataBytes is the most that the keys and values of one vm_id may take. A write over it fails, which a
	// guest sees as an internal failure: dropping it in silence would break leases that are built on CAS.
	maxDataBytes = 64 << 20

	// entryOverhead stands for the map entry, so that many empty values count as well.
	entryOverhead = 64
)

// Data is a key-value store with compare-and-swap.
type Data struct {
	mu      sync.RWMutex
	entries map[string]entry
	cas     uint32
	bytes   int
}

type entry struct {
	value []byte
	cas   uint32
}

func newData() *Data { return &Data{entries: map[string]entry{}} }

// Get returns a value and its CAS number, which is never 0. The caller must not change the value.
func (d *Data) Get(key string) (value []byte, cas uint32, ok bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	e, ok := d.entries[key]
	return e.value, e.cas, ok
}

// Set stores a copy of value. With a cas other than 0 the key's must be the same; a missing key takes any.
func (d *Data) Set(key string, value []byte, cas uint32) abi.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old, exists := d.entries[key]; cas != 0 && exists && old.cas != cas {
		return abi.StatusCasMismatch
	}
	return d.store(key, value)
}

// Swap implements proxywasm.SharedData.
func (d *Data) Swap(key string, value []byte, cas uint32) abi.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	old, exists := d.entries[key]
	switch {
	case old.cas != cas:
		return abi.StatusCasMismatch
	case value != nil:
		return d.store(key, value)
	case exists:
		delete(d.entries, key)
		d.bytes -= len(old.value) + len(key) + entryOverhead
	}
	return abi.StatusOK
}

// store runs under the lock.
func (d *Data) store(key string, value []byte) abi.Status {
	old, exists := d.entries[key]
	grown := len(value) - len(old.value)
	if !exists {
		grown += len(key) + entryOverhead
	}
	if grown > 0 && d.bytes+grown > maxDataBytes {
		return abi.StatusInternalFailure
	}
	if d.cas++; d.cas == 0 {
		d.cas = 1
	}
	d.entries[key] = entry{value: append([]byte(nil), value...), cas: d.cas}
	d.bytes += grown
	return abi.StatusOK
}

// Interface guard
var _ proxywasm.SharedData = (*Data)(nil)
