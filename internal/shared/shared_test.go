package shared

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

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

func TestQueues(t *testing.T) {
	store := NewStore()
	a, b := store.Open("a"), store.Open("b")
	told := make(chan uint32, 4)
	token := a.Register("q", func(token uint32) { told <- token })
	if again := a.Register("q", func(token uint32) { told <- token }); again != token {
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
	if <-told != token {
		t.Error("told of another queue")
	}
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
