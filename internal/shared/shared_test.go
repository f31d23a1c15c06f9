package shared

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

func TestDataCAS(t *testing.T) {
	d := NewStore().Open("a")
	if _, _, ok := d.Get("k"); ok {
		t.Fatal("a key out of nothing")
	}
	if s := d.Set("k", []byte("1"), 77); s != abi.StatusOK {
		t.Fatalf("a missing key takes any cas, got %s", s)
	}
	_, cas, _ := d.Get("k")
	if s := d.Set("k", []byte("2"), cas+1); s != abi.StatusCasMismatch || cas == 0 {
		t.Fatalf("another cas (%d) answered %s", cas, s)
	}
	if s := d.Set("k", []byte("2"), cas); s != abi.StatusOK {
		t.Fatal(s)
	}
	if s := d.Set("k", []byte("3"), 0); s != abi.StatusOK {
		t.Fatal(s)
	}
	if v, _, _ := d.Get("k"); string(v) != "3" {
		t.Errorf("value %q", v)
	}
}

// Every increment must count: this is what a rate limit is built on.
func TestDataUnderLoad(t *testing.T) {
	d := NewStore().Open("a")
	d.Set("n", []byte("0"), 0)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				for {
					v, cas, _ := d.Get("n")
					n, _ := strconv.Atoi(string(v))
					if d.Set("n", []byte(strconv.Itoa(n+1)), cas) == abi.StatusOK {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	if v, _, _ := d.Get("n"); string(v) != "4000" {
		t.Errorf("counted to %s, want 4000", v)
	}
}

func TestDataIsBounded(t *testing.T) {
	d := NewStore().Open("a")
	block := make([]byte, 8<<20)
	var last abi.Status
	for i := range 9 {
		last = d.Set(fmt.Sprint(i), block, 0)
	}
	if last != abi.StatusInternalFailure {
		t.Errorf("72 MiB were stored, status %s", last)
	}
	if s := d.Set("0", nil, 0); s != abi.StatusOK {
		t.Errorf("shrinking a value answered %s", s)
	}
}

// listener is a QueueListener; deaf ones cannot be told.
type listener struct {
	told chan uint32
	deaf atomic.Bool
}

func newListener() *listener { return &listener{told: make(chan uint32, 100)} }

func (l *listener) QueueReady(token uint32) bool {
	if l.deaf.Load() {
		return false
	}
	l.told <- token
	return true
}

// hear waits for n notifications.
func (l *listener) hear(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-l.told:
		case <-time.After(20 * time.Second):
			t.Fatal("the listener is not told")
		}
	}
}

func register(t *testing.T, s *View, name string, l *listener) uint32 {
	t.Helper()
	token, ok := s.Register(name, l)
	if !ok || token == 0 {
		t.Fatalf("registered %q as %d, %v", name, token, ok)
	}
	return token
}

func TestQueues(t *testing.T) {
	store := NewStore()
	a, b := store.Open("a"), store.Open("b")
	l := newListener()
	token := register(t, a, "q", l)
	if again := register(t, a, "q", l); again != token {
		t.Errorf("registered twice: %d and %d", token, again)
	}
	if _, ok := b.Resolve("b", "q"); ok {
		t.Error("the name is known in another vm_id")
	}
	found, ok := b.Resolve("a", "q")
	if !ok || found != token {
		t.Fatalf("resolved to %d, %v", found, ok)
	}
	b.Enqueue(found, []byte("1"))
	b.Enqueue(found, []byte("2"))
	l.hear(t, 2)
	for _, want := range []string{"1", "2"} {
		if v, s := a.Dequeue(token); s != abi.StatusOK || string(v) != want {
			t.Errorf("dequeued %q, %s", v, s)
		}
	}
	if _, s := a.Dequeue(token); s != abi.StatusEmpty {
		t.Errorf("an empty queue answered %s", s)
	}
	a.Close()
	if s := b.Enqueue(token, nil); s != abi.StatusNotFound {
		t.Errorf("a queue without an owner answered %s", s)
	}
}

// The last one that registered is told, and an older one while it cannot be: a config that is being loaded must not take
// the queue away from the one that runs.
func TestQueueListeners(t *testing.T) {
	space := NewStore().Open("a")
	old, fresh := newListener(), newListener()
	token := register(t, space, "q", old)
	fresh.deaf.Store(true)
	register(t, space, "q", fresh)
	space.Enqueue(token, nil)
	old.hear(t, 1)
	fresh.deaf.Store(false)
	space.Enqueue(token, nil)
	fresh.hear(t, 1)
	space.Leave(fresh)
	space.Enqueue(token, nil)
	old.hear(t, 1)
}

// Nobody can be told: whoever comes, or comes to life, is told of what is left.
func TestQueueWithoutAListener(t *testing.T) {
	space := NewStore().Open("a")
	first, second := newListener(), newListener()
	first.deaf.Store(true)
	token := register(t, space, "q", first)
	for range 3 {
		space.Enqueue(token, []byte("x"))
	}
	space.Dequeue(token)
	for deadline := time.Now().Add(20 * time.Second); missed(space, "q") < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the items are not counted as missed")
		}
	}
	first.deaf.Store(false)
	space.Remind(first)
	first.hear(t, 2)
	space.Leave(first)
	space.Enqueue(token, []byte("y"))
	for missed(space, "q") < 1 {
		time.Sleep(time.Millisecond)
	}
	register(t, space, "q", second)
	second.hear(t, 1)
}

func missed(s *View, name string) int {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	return s.all.byName[queueName{s.Queues.vmID, name}].missed
}

func TestQueuesAreBounded(t *testing.T) {
	space := NewStore().Open("a")
	token := register(t, space, "q", newListener())
	space.Leave(space.all.byToken[token].listeners[0])
	block, taken := make([]byte, 1<<20), 0
	for space.Enqueue(token, block) == abi.StatusOK {
		taken++
	}
	if taken != 63 {
		t.Errorf("%d MiB were taken", taken)
	}
	space.Dequeue(token)
	if s := space.Enqueue(token, block); s != abi.StatusOK {
		t.Errorf("after a dequeue: %s", s)
	}
	for i := range maxQueues - 1 {
		register(t, space, fmt.Sprint(i), newListener())
	}
	if _, ok := space.Register("one more", newListener()); ok {
		t.Error("there are more queues than the limit")
	}
}

// Swap is the way of Kong's host.
func TestDataSwap(t *testing.T) {
	d := NewStore().Open("a")
	if s := d.Swap("k", []byte("1"), 7); s != abi.StatusCasMismatch {
		t.Errorf("a number for a key that is not there: %s", s)
	}
	if s := d.Swap("k", []byte("1"), 0); s != abi.StatusOK {
		t.Fatal(s)
	}
	if s := d.Swap("k", []byte("2"), 0); s != abi.StatusCasMismatch {
		t.Errorf("0 for a key that is there: %s", s)
	}
	_, cas, _ := d.Get("k")
	if s := d.Swap("k", []byte{}, cas); s != abi.StatusOK {
		t.Fatal(s)
	}
	if v, _, ok := d.Get("k"); !ok || len(v) != 0 {
		t.Errorf("an empty value: %q, %v", v, ok)
	}
	_, cas, _ = d.Get("k")
	if s := d.Swap("k", nil, cas); s != abi.StatusOK {
		t.Fatal(s)
	}
	if _, _, ok := d.Get("k"); ok || d.bytes != 0 {
		t.Errorf("deleted, and there are %d bytes", d.bytes)
	}
}

func TestSpaceOutlivesAReload(t *testing.T) {
	store := NewStore()
	old := store.Open("a")
	old.Set("k", []byte("v"), 0)
	fresh := store.Open("a")
	old.Close()
	if v, _, ok := fresh.Get("k"); !ok || string(v) != "v" {
		t.Errorf("lost over a reload: %q, %v", v, ok)
	}
	fresh.Close()
	if _, _, ok := store.Open("a").Get("k"); ok {
		t.Error("data of a closed space came back")
	}
}
