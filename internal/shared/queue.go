package shared

import (
	"slices"
	"sync"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

const (
	// maxQueues bounds the queues of one vm_id.
	maxQueues = 1000

	// itemOverhead is counted for each item besides its bytes.
	itemOverhead = 32
)

type queueName struct{ vmID, name string }

type queue struct {
	name      queueName
	token     uint32
	listeners []proxywasm.QueueListener // the last one is told
	items     [][]byte
	untold    int // items that a listener is to be told of
	missed    int // items that no listener could be told of
	telling   bool
}

// queues are the queues of all vm_ids: a token is known to everybody.
type queues struct {
	mu      sync.Mutex
	byName  map[queueName]*queue
	byToken map[uint32]*queue
	last    uint32
	count   map[string]int // of queues, by vm_id
	bytes   map[string]int // in them
}

func newQueues() *queues {
	return &queues{
		byName: map[queueName]*queue{}, byToken: map[uint32]*queue{}, count: map[string]int{}, bytes: map[string]int{},
	}
}

func (q *queues) drop(vmID string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for name, queue := range q.byName {
		if name.vmID == vmID {
			queue.listeners = nil
			delete(q.byName, name)
			delete(q.byToken, queue.token)
		}
	}
	delete(q.count, vmID)
	delete(q.bytes, vmID)
}

// Queues are the queues as the plugins of one vm_id see them.
type Queues struct {
	vmID string
	all  *queues
}

// Register implements proxywasm.Queues. What is in the queue stays.
func (q *Queues) Register(name string, l proxywasm.QueueListener) (uint32, bool) {
	q.all.mu.Lock()
	defer q.all.mu.Unlock()
	key := queueName{q.vmID, name}
	found := q.all.byName[key]
	if found == nil {
		if q.all.count[q.vmID] >= maxQueues {
			return 0, false
		}
		q.all.count[q.vmID]++
		q.all.last++
		found = &queue{name: key, token: q.all.last}
		q.all.byName[key], q.all.byToken[found.token] = found, found
	}
	found.listeners = append(without(found.listeners, l), l)
	q.all.remind(found)
	return found.token, true
}

// Remind implements proxywasm.Queues.
func (q *Queues) Remind(l proxywasm.QueueListener) {
	q.all.mu.Lock()
	defer q.all.mu.Unlock()
	for _, queue := range q.all.byName {
		if queue.missed > 0 && slices.Contains(queue.listeners, l) {
			q.all.remind(queue)
		}
	}
}

// Leave implements proxywasm.Queues.
func (q *Queues) Leave(l proxywasm.QueueListener) {
	q.all.mu.Lock()
	defer q.all.mu.Unlock()
	for _, queue := range q.all.byName {
		queue.listeners = without(queue.listeners, l)
	}
}

// without makes a new list: the old one may be on its way through tell.
func without(list []proxywasm.QueueListener, l proxywasm.QueueListener) []proxywasm.QueueListener {
	return slices.DeleteFunc(slices.Clone(list), func(other proxywasm.QueueListener) bool { return other == l })
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

// enqueue appends a copy of value and has a listener told, unless that is more than the limits.
func (q *Queues) enqueue(token uint32, value []byte, most Limits) abi.Status {
	q.all.mu.Lock()
	defer q.all.mu.Unlock()
	found := q.all.byToken[token]
	if found == nil {
		return abi.StatusNotFound
	}
	size := len(value) + itemOverhead
	if len(found.items) >= most.QueueItems || q.all.bytes[found.name.vmID]+size > most.Queues {
		return abi.StatusInternalFailure
	}
	found.items = append(found.items, append([]byte(nil), value...))
	q.all.bytes[found.name.vmID] += size
	found.untold++
	q.all.start(found)
	return abi.StatusOK
}

// remind tells again of what was missed and is still there. The lock must be held, as for start.
func (q *queues) remind(queue *queue) {
	queue.untold += min(queue.missed, len(queue.items))
	queue.missed = 0
	q.start(queue)
}

func (q *queues) start(queue *queue) {
	if !queue.telling && queue.untold > 0 {
		queue.telling = true
		go q.tell(queue)
	}
}

// tell tells of each item once, since guests take one item for each time that they are told. One goroutine does it for a
// queue, for as long as there is something to tell.
func (q *queues) tell(queue *queue) {
	for {
		q.mu.Lock()
		if queue.untold == 0 {
			queue.telling = false
			q.mu.Unlock()
			return
		}
		queue.untold--
		listeners := queue.listeners
		q.mu.Unlock()
		if !told(listeners, queue.token) {
			q.mu.Lock()
			queue.missed++
			q.mu.Unlock()
		}
	}
}

// told tells the last listener that can hear it: an older one stands in for one that is dead, or not started yet, since
// its config may still be refused.
func told(listeners []proxywasm.QueueListener, token uint32) bool {
	for _, l := range slices.Backward(listeners) {
		if l.QueueReady(token) {
			return true
		}
	}
	return false
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
	q.all.bytes[found.name.vmID] -= len(item) + itemOverhead
	return item, abi.StatusOK
}
