package shared

import (
	"sync"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// entryOverhead stands for the map entry, so that many empty values count as well.
const entryOverhead = 64

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

// set stores a copy of value. With a cas other than 0 the key's must be the same; a missing key takes any. A write that would
// leave more than most bytes fails: dropping it in silence would break leases that are built on CAS.
func (d *Data) set(key string, value []byte, cas uint32, most int) abi.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old, exists := d.entries[key]; cas != 0 && exists && old.cas != cas {
		return abi.StatusCasMismatch
	}
	return d.store(key, value, most)
}

// swap is set for hosts where a cas of 0 stands for a key that is not there.
func (d *Data) swap(key string, value []byte, cas uint32, most int) abi.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	old, exists := d.entries[key]
	switch {
	case old.cas != cas:
		return abi.StatusCasMismatch
	case value != nil:
		return d.store(key, value, most)
	case exists:
		delete(d.entries, key)
		d.bytes -= len(old.value) + len(key) + entryOverhead
	}
	return abi.StatusOK
}

// store runs under the lock.
func (d *Data) store(key string, value []byte, most int) abi.Status {
	old, exists := d.entries[key]
	grown := len(value) - len(old.value)
	if !exists {
		grown += len(key) + entryOverhead
	}
	if grown > 0 && d.bytes+grown > most {
		return abi.StatusInternalFailure
	}
	if d.cas++; d.cas == 0 {
		d.cas = 1
	}
	d.entries[key] = entry{value: append([]byte(nil), value...), cas: d.cas}
	d.bytes += grown
	return abi.StatusOK
}
