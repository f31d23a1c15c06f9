package hostile

import (
	"bytes"
	"fmt"

	"github.com/loom-gateway/loom/internal/wasmscreen/wasmtest"
)

func memory() []*behaviour {
	return append([]*behaviour{
		{id: 6, group: "memory", name: "`memory.grow` to the maximum", promise: "it ends at `limits.memory`, and the instance is recycled", attacks: []attack{
			{name: "page by page", do: "hoard", in: everywhere(), check: (*kit).withinMemory},
			{name: "at once", do: "grow 60000", in: everywhere(), check: (*kit).withinMemory},
		}},
		{id: 7, group: "memory", name: "more memory from the start than the limit", promise: "the config is refused", attacks: []attack{
			{name: "300 pages of 256", module: text("big-memory"), in: []string{atLoad}, outcome: refused, says: "over limit of"},
		}},
		{id: 8, group: "memory", name: "tables: huge, or `table.grow`", promise: "the config is refused unless all tables stay small", attacks: []attack{
			{name: "ten million entries", module: table(10_000_000), in: []string{atLoad}, outcome: refused, says: "entries in its tables"},
			{name: "grows without a maximum", module: growingTable([]byte{0, 1}), in: []string{atLoad}, outcome: refused, says: "table.grow"},
			{name: "grows to a large maximum", module: growingTable(append([]byte{1, 1}, wasmtest.U32(1<<24)...)), in: []string{atLoad}, outcome: refused, says: "entries in its tables"},
		}},
		{id: 9, group: "memory", name: "very many globals or data segments", promise: "the config is refused before anything is compiled", attacks: []attack{
			{name: "globals", module: globals(10_001), in: []string{atLoad}, outcome: refused, says: "10001 globals"},
			{name: "data segments", module: segments(200_001), in: []string{atLoad}, outcome: refused, says: "200001 data segments"},
		}},
	}, allocators()...)
}

// withinMemory looks at how much the instance has got.
func (k *kit) withinMemory(tr *trial) error {
	if tr.state.memory > memoryLimit {
		return fmt.Errorf("%d bytes of memory, more than the limit of %d", tr.state.memory, memoryLimit)
	}
	return nil
}

// allocators are those that do not do what they are there for.
func allocators() []*behaviour {
	const ask = "get 0 :path; pairs 0; get 0 x-keep; prop request.path"
	odd := &behaviour{id: 10, group: "memory", name: "an allocator that answers nonsense", promise: "a status, or the guest's own memory is overwritten"}
	for _, mode := range []string{"zero", "negative", "far", "overlap", "odd", "same", "fresh"} {
		odd.attacks = append(odd.attacks, attack{name: mode, do: "allocator " + mode + "; " + ask + "; allocator good", in: everywhere()})
	}
	return []*behaviour{
		odd,
		{id: 11, group: "memory", name: "an allocator that traps", promise: "a trap as any other", attacks: []attack{
			{name: "unreachable", do: "allocator trap; get 0 :path; get 7 x; buf 7 0 10", in: everywhere(), outcome: ends, says: "unreachable"},
		}},
		{id: 12, group: "memory", name: "an allocator that calls the host", promise: "it may log; anything else ends the instance", attacks: []attack{
			{name: "another hostcall", do: "allocator hostcall; get 0 :path; buf 7 0 10", in: everywhere(), outcome: ends, says: "while it starts or allocates"},
			{name: "logging", do: "allocator log; get 0 :path; allocator good", in: everywhere()},
		}},
		{id: 13, group: "memory", name: "no allocator, or two", promise: "none: the config is refused; two: `proxy_on_memory_allocate` is taken", attacks: []attack{
			{name: "none", module: renamed("proxy_on_memory_allocate", "proxy_no_memory_allocate", "malloc", "mallox"), in: []string{atLoad}, outcome: refused, says: "neither proxy_on_memory_allocate nor malloc"},
			{name: "only malloc", do: "get 0 :path", module: renamed("proxy_on_memory_allocate", "proxy_no_memory_allocate"), in: []string{"request_headers"}},
			{name: "both", do: "get 0 :path", in: []string{"request_headers"}},
		}},
	}
}

// renamed is the hostile probe with other names of the same length.
func renamed(pairs ...string) func(*kit) []byte {
	return func(k *kit) []byte {
		code := readFile(k.file("probe-hostile", nil))
		for i := 0; i < len(pairs); i += 2 {
			// A name stands behind its length, so that it is not found in a longer one.
			old, fresh := append([]byte{byte(len(pairs[i]))}, pairs[i]...), append([]byte{byte(len(pairs[i+1]))}, pairs[i+1]...)
			if len(old) != len(fresh) || !bytes.Contains(code, old) {
				k.t.Fatalf("the module has no name %q that could be %q", pairs[i], pairs[i+1])
			}
			code = bytes.ReplaceAll(code, old, fresh)
		}
		return code
	}
}

// The binary format's numbers.
const (
	globalSection, dataSection = 6, 11
	opI32Const, opEnd          = 0x41, 0x0b
)

func table(entries int) func(*kit) []byte {
	return func(*kit) []byte { return wasmtest.Tables(0, wasmtest.LimitsOf(entries)) }
}

func growingTable(limits []byte) func(*kit) []byte {
	return func(*kit) []byte { return wasmtest.Tables(1, limits) }
}

func globals(n int) func(*kit) []byte {
	return func(*kit) []byte {
		return wasmtest.Module(wasmtest.Section(globalSection, wasmtest.Listed(wasmtest.Same(n, wasmtest.I32, 0, opI32Const, 0, opEnd)...)))
	}
}

func segments(n int) func(*kit) []byte {
	return func(*kit) []byte {
		return wasmtest.Module(wasmtest.Section(dataSection, wasmtest.Listed(wasmtest.Same(n, 1, 0)...)))
	}
}
