package shared

import (
	"sync"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

const (
	// maxQueueItems and maxQueueBytes bound one queue that nobody reads.
	maxQueueItems = 100_000
	maxQueueBytes = 64 << 20
)

type queueName struct{ vmID, name string }

type queue struct {
	name  queueName
	token uint32
	ready func(uint32) // of the last registrant
	items [][]byte
	bytes int
}

// queues are the queues of all vm_ids: a token is known to everybody.
type queues struct {
	mu      sync.Mutex
	byName  map[queueName]*queue
	byToken map[uint32]*queue
	last    uint32
}

func (q *queues) drop(vmID string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for name, queue := range q.byName {
		if name.vmID == vmID {
			delete(q.byName, name)
			delete(q.byToken, queue.token)
		}
	}
}

// Queues are the queues as the plugins of one vm_id see them.
type Queues struct {
	vmID string
	all  *queues
}

// Register makes the queue or finds it; what is in it stays. The last registrant is told of new items.
func (q *Queues) Register(name string, ready func(token uint32)) uint32 {
	q.all.mu.Lock()
	defer q.all.mu.Unlock()
	key := queueName{q.vmID, name}
	found := q.all.byName[key]
	if found == nil {
		q.all.last++
		found = &queue{name: key, token: q.all.last}
		q.all.byName[key], q.all.byToken[found.token] = found, found
	}
	found.ready = ready
	return found.token
}

// Resolve finds the token of a queue of any vm_id.
func (q *Queues) Resolve(vmID, name string) (uint32, bool) {
	q.all.mu.Lock()
	defer q.all.mu.Unlock()
	found := q.all.byName[queueName{vmID, name}]
	if found == nil {
		return 0, false
	}
	return found.token, true
}

// Enqueue appends a copy of value and tells the registrant on a goroutine of its own.
func (q *Queues) Enqueue(token uint32, value []byte) abi.Status {
	q.all.mu.Lock()
	defer q.all.mu.Unlock()
	found := q.all.byToken[token]
	switch {
	case found == nil:
		return abi.StatusNotFound
	case len(found.items) >= maxQueueItems || found.bytes+len(value) > maxQueueBytes:
		return abi.StatusInternalFailure
	}
	found.items = append(found.items, append([]byte(nil), value...))
	found.bytes += len(value)
	go found.ready(token)
	return abi.StatusOK
}

// Dequeue takes the oldest item.
func (q *Queues) Dequeue(token uint32) ([]byte, abi.Status) {
	q.all.mu.Lock()
	defer q.all.mu.Unlock()
	found := q.all.byToken[token]
	switch {
	case found == nil:
		return nil, abi.StatusNotFound
	case len(found.items) == 0:
		return nil, abi.StatusEmpty
	}
	item := found.items[0]
	found.items[0] = nil
	found.items = found.items[1:]
	found.bytes -= len(item)
	return item, abi.StatusOK
}

// Interface guard
var _ proxywasm.Queues = (*Queues)(nil)
