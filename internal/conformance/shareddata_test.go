package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
	"github.com/loom-gateway/loom/internal/shared"
)

func sharedDataAndQueues(s *suite) {
	s.check("D-01", 1, "what is set can be read, with a CAS number above 0", sharedDataSetGet)
	s.check("D-02", 1, "a key that nobody has set answers NOT_FOUND", func(t *testing.T) {
		run(t, `request_headers: getdata nothing`).want(t, `  getdata nothing -> 1 ""`)
	})
	s.check("D-03", 1, "a stale CAS number answers CAS_MISMATCH and changes nothing; the current one is taken and replaced", sharedDataCAS)
	s.check("D-04", 1, "a CAS number for a key that is not there is taken", func(t *testing.T) {
		run(t, `request_headers: setdata k v 4711; getdata k`).want(t, `  setdata k v -> 0`, `  getdata k -> 0 "v"`)
	})
	s.check("D-05", 1, "without a CAS number a value is overwritten (profile kong: CAS_MISMATCH, and a null pointer deletes)", sharedDataOverwrite)
	s.check("D-06", 1, "an empty value is kept and returned as OK and empty", func(t *testing.T) {
		run(t, `request_headers: setdata k ""; getdata k; deldata k 0; getdata k`).want(t, `  setdata k  -> 0`, `  getdata k -> 0 ""`, `  deldata k 0 -> 0`)
	})
	s.check("D-07", 1, "shared data are seen by all instances and plugins of a vm_id, and by no other", sharedDataScope)
	s.check("D-08", 1, "of writers that race with the same CAS number one wins", sharedDataRace)
	s.check("D-09", 2, "shared data outlive instances and a reload, and go with the last user of the vm_id", sharedDataLife)
	s.check("D-10", 1, "registering a queue again gives the same token and keeps its items; another name another token, none is 0", queueTokens)
	s.check("D-11", 1, "queues are resolved by the own vm_id (empty) and by another; unknown names answer NOT_FOUND", queueResolve)
	s.check("D-12", 1, "queues are first in, first out and binary safe; empty answers EMPTY, an unknown token NOT_FOUND", queueOrder)
	s.check("D-13", 1, "on_queue_ready comes to the last registrant, behind the callback that enqueued", queueReady)
	s.check("D-14", 2, "a consumer that takes one item per on_queue_ready gets all", queueDrain)
	s.check("D-15", 2, "after the registrant's instance has died its replacement is told, of what came meanwhile too", queueReplacement)
	s.check("D-16", 2, "shared data and queues are bounded: INTERNAL_FAILURE, and NOT_FOUND for enqueue", sharedLimits)
}

// run sends one request through the probe.
func run(t *testing.T, script string, change ...func(*plugin.Spec)) *gateway {
	t.Helper()
	g := serve(t, setup{plugins: []plugin.Spec{probe(script, change...)}})
	g.do(t, "GET", "/", nil)
	return g
}

func sharedDataSetGet(t *testing.T) {
	g := run(t, `request_headers: setdata k "a\0b"; getdata k; log 2 $cas`)
	g.want(t, `  getdata k -> 0 "a\x00b"`)
	if cas := g.find(`  log 2 `); len(cas) != 1 || strings.HasPrefix(cas[0], `  log 2 0 `) {
		t.Errorf("CAS number: %q", cas)
	}
}

func sharedDataCAS(t *testing.T) {
	g := run(t, `request_headers: setdata k one; getdata k; setdata k two $cas; setdata k three $cas; getdata k; setdata k four $cas; getdata k`)
	g.wantInOrder(t, `  getdata k -> 0 "one"`, `  setdata k two -> 0`, `  setdata k three -> 8`, `  getdata k -> 0 "two"`,
		`  setdata k four -> 0`, `  getdata k -> 0 "four"`)
}

func sharedDataOverwrite(t *testing.T) {
	const script = `request_headers: setdata k one; setdata k two; getdata k; setdata k "" $cas; getdata k; deldata k $cas; getdata k`
	run(t, script).wantInOrder(t, `  setdata k one -> 0`, `  setdata k two -> 0`, `  getdata k -> 0 "two"`,
		`  setdata k  -> 0`, `  getdata k -> 0 ""`, `  deldata k `, `  getdata k -> 0 ""`)
	kong := run(t, script, func(s *plugin.Spec) { s.Profile = proxywasm.ProfileKong })
	kong.wantInOrder(t, `  setdata k one -> 0`, `  setdata k two -> 8`, `  getdata k -> 0 "one"`,
		`  setdata k  -> 0`, `  getdata k -> 0 ""`, `  deldata k `, `  getdata k -> 1`)
}

func sharedDataScope(t *testing.T) {
	named := func(name, vmID, script string) plugin.Spec {
		return probe(script, func(s *plugin.Spec) { s.Name, s.VMID, s.Instances = name, vmID, 4 })
	}
	g := serve(t, setup{plugins: []plugin.Spec{
		named("writer", "common", `request_headers#1: setdata k v`),
		named("reader", "common", `request_headers: getdata k; log 2 reader`),
		named("stranger", "", `request_headers: getdata k; log 2 stranger`),
	}})
	for range 8 {
		g.do(t, "GET", "/", nil)
	}
	if n := len(g.find(`  getdata k -> 0 "v"`)); n != 8 {
		t.Errorf("read %d times in the same vm_id, want 8", n)
	}
	if n := len(g.find(`  getdata k -> 1`)); n != 8 {
		t.Errorf("not found %d times in another vm_id, want 8", n)
	}
}

func sharedDataRace(t *testing.T) {
	const writers = 100
	g := serve(t, setup{plugins: []plugin.Spec{
		probe("configure: setdata n 0\nrequest_headers: getdata n; setdata n $cas $cas", func(s *plugin.Spec) { s.Instances = 4 }),
	}})
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			if _, err := g.try("GET", "/", nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	won := map[string]bool{}
	for _, line := range g.find("  setdata n ") {
		word, ok := strings.CutSuffix(line, " -> 0")
		if ok && word != "  setdata n 0" && won[word] {
			t.Errorf("two writers won with the same CAS number: %s", line)
		}
		won[word] = ok
	}
	if n := len(g.find("  setdata n ")); n != writers+4 {
		t.Errorf("%d writes, want %d", n, writers+4)
	}
}

func sharedDataLife(t *testing.T) {
	store := shared.NewStore()
	with := func(t *testing.T, script string) *gateway {
		return serve(t, setup{plugins: []plugin.Spec{probe(script)}, store: store})
	}
	t.Run("instances and reloads", func(reload *testing.T) {
		var fresh *gateway
		reload.Run("old config", func(t *testing.T) { // it is closed behind this
			old := with(t, "request_headers: setdata k v; getdata k\nrequest_body: trap")
			old.do(t, "GET", "/", nil)
			if a := old.do(t, "POST", "/", strings.NewReader("x")); a.status != 503 {
				t.Fatalf("the trap answered %d", a.status)
			}
			fresh = with(reload, "request_headers: getdata k")
			fresh.do(t, "GET", "/", nil)
		})
		fresh.do(reload, "GET", "/", nil)
		if n := len(fresh.find(`  getdata k -> 0 "v"`)); n != 2 {
			reload.Errorf("read %d times, want 2", n)
		}
	})
	t.Run("after the last user", func(t *testing.T) {
		g := with(t, "request_headers: getdata k")
		g.do(t, "GET", "/", nil)
		g.want(t, `  getdata k -> 1`)
	})
}

func queueTokens(t *testing.T) {
	g := run(t, `request_headers: queue a; log 2 $id; enqueue $id x; queue a; log 2 $id; dequeue $id; queue b; log 2 $id`)
	tokens := g.find("  log 2 ")
	if len(tokens) != 3 || tokens[0] != tokens[1] || tokens[1] == tokens[2] || slices.Contains(tokens, "  log 2 0 -> 0") {
		t.Errorf("tokens %q", tokens)
	}
	g.want(t, `  dequeue 1 -> 0 "x"`)
}

func queueResolve(t *testing.T) {
	named := func(name, script string) plugin.Spec {
		return probe(script, func(s *plugin.Spec) { s.Name = name })
	}
	g := serve(t, setup{plugins: []plugin.Spec{
		named("owner", `request_headers: queue q; resolve "" q; resolve owner q; resolve "" other`),
		named("guest", `request_headers: resolve "" q; resolve owner q; enqueue $id hello; resolve nobody q`),
	}})
	g.do(t, "GET", "/", nil)
	g.wantInOrder(t, `  resolve  q -> 0`, `  resolve owner q -> 0`, `  resolve  other -> 1`,
		`  resolve  q -> 1`, `  resolve owner q -> 0`, `  enqueue 1 hello -> 0`, `  resolve nobody q -> 1`)
}

func queueOrder(t *testing.T) {
	g := run(t, `request_headers: queue q; enqueue $id one; enqueue $id "\0\xff"; enqueue $id ""; dequeue $id; dequeue $id; dequeue $id; dequeue $id; dequeue 4711; enqueue 4711 x`)
	g.wantInOrder(t, `  dequeue 1 -> 0 "one"`, `  dequeue 1 -> 0 "\x00\xff"`, `  dequeue 1 -> 0 ""`, `  dequeue 1 -> 7`,
		`  dequeue 4711 -> 1`, `  enqueue 4711 x -> 1`)
}

func queueReady(t *testing.T) {
	named := func(name string) plugin.Spec {
		return probe(lines(`request_headers: resolve "" q; enqueue $id x; log 2 still-`+name, `configure: queue q`, `queue_ready: log 2 told-`+name),
			func(s *plugin.Spec) { s.Name, s.VMID = name, "common" })
	}
	g := serve(t, setup{plugins: []plugin.Spec{named("last"), named("first")}}) // they are opened from the end
	g.do(t, "GET", "/", nil)
	g.await(t, 2, `  log 2 told-last`)
	g.wantNot(t, `  log 2 told-first`)
	g.wantInOrder(t, `  enqueue 1 x -> 0`, `  log 2 still-last`, `> queue_ready ctx=1`, `  log 2 told-last`)
}

func queueDrain(t *testing.T) {
	g := serve(t, setup{plugins: []plugin.Spec{probe(lines(
		`configure: queue q; enqueue $id early`,
		`request_headers: enqueue 1 a; enqueue 1 b; enqueue 1 c`,
		`queue_ready: dequeue $id`))}})
	g.do(t, "GET", "/", nil)
	g.await(t, 4, `> queue_ready`)
	g.await(t, 4, `  dequeue 1 -> `)
	g.wantInOrder(t, `  dequeue 1 -> 0 "early"`, `  dequeue 1 -> 0 "a"`, `  dequeue 1 -> 0 "b"`, `  dequeue 1 -> 0 "c"`)
}

func queueReplacement(t *testing.T) {
	producer := probe(`request_headers: resolve consumer q; enqueue $id item`, func(s *plugin.Spec) { s.Name = "producer" })
	consumer := probe(lines(`configure: queue q`, `queue_ready: dequeue $id`, `request_body: trap`),
		func(s *plugin.Spec) { s.Name = "consumer" })
	g := serve(t, setup{plugins: []plugin.Spec{producer, consumer}})
	g.do(t, "GET", "/", nil)
	g.await(t, 1, `  dequeue 1 -> 0 "item"`)
	if a := g.do(t, "POST", "/", strings.NewReader("x")); a.status != 503 {
		t.Fatalf("the trap answered %d", a.status)
	}
	g.do(t, "GET", "/", nil) // the consumer is dead, or replaced already
	g.await(t, 3, `  dequeue 1 -> 0 "item"`)
}

func sharedLimits(t *testing.T) {
	store := shared.NewStore()
	space := store.Open("probe")
	t.Cleanup(space.Close)
	block := make([]byte, 1<<20)
	for i := 0; space.Set(fmt.Sprint(i), block, 0) == abi.StatusOK; i++ {
		if i > 100 {
			t.Fatal("100 MiB were taken")
		}
	}
	small := block[:1024]
	for i := 0; space.Set(fmt.Sprint("small", i), small, 0) == abi.StatusOK; i++ {
		continue
	}
	g := serve(t, setup{store: store, plugins: []plugin.Spec{probe(lines(
		`configure: queue q`, `request_headers: setdata big `+strings.Repeat("x", 2000)+`; getdata big; enqueue 1 y; dequeue 1`))}})
	token, _ := space.Resolve("probe", "q")
	for i := 0; space.Enqueue(token, block) == abi.StatusOK; i++ {
		if i > 100 {
			t.Fatal("100 MiB were taken")
		}
	}
	for space.Enqueue(token, nil) == abi.StatusOK {
		continue
	}
	g.do(t, "GET", "/", nil)
	g.want(t, `  setdata big `+strings.Repeat("x", 64)+` -> 10`, `  getdata big -> 1`, `  enqueue 1 y -> 1`, `  dequeue 1 -> 0 "\x00`)
}
