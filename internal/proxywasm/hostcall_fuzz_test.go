package proxywasm_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/callout"
	"github.com/loom-gateway/loom/internal/guestmetrics"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
	"github.com/loom-gateway/loom/internal/shared"
)

// Places in the memory of testdata/anycall.wat, and what the test puts between its list of hostcalls and its heap.
const (
	allocatorAt, allocatorAnswerAt, callbackAnswerAt, countAt = 0, 4, 8, 256

	entriesAt, entryBytes, maxEntries = 272, 112, 8
	listEnd                           = entriesAt + entryBytes*maxEntries
	textsAt, textBytes                = 0x1000, 64
	inputAt, heapAt, memoryEnd        = 0x2000, 0x8000, 0x40000
)

// texts are what hostcalls are about; an argument can be the address of one.
func texts() []string {
	pairs := func(p ...abi.Pair) string { return string(abi.AppendPairs(nil, p)) }
	return []string{
		"x-a", ":path", ":status", "request\x00path", "plugin_name", "filter_state\x00a", "a.b", "upstream", "http://127.0.0.1:1",
		"declare_property", "expr_create", "expr_evaluate", "compress", "uncompress", "verify_signature", "request.path == '/'",
		pairs(abi.Pair{Name: ":path", Value: "/"}, abi.Pair{Name: ":method", Value: "GET"}, abi.Pair{Name: ":authority", Value: "a"}),
		pairs(abi.Pair{Name: "a"}), "\xff\xff\xff\xff", "\x0a\x01a\x12\x01b", "*1\r\n$4\r\nPING\r\n", "redis?db=3", "a\r\nb", "",
	}
}

// choices turns the bytes of an input into decisions; without bytes it decides for 0.
type choices struct{ data []byte }

func (c *choices) byte() byte {
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return b
}

// argument is a small number, an address of something, an address at the end of the memory, or anything.
func (c *choices) argument() uint64 {
	b := uint64(c.byte())
	switch {
	case b < 0x40:
		return b
	case b < 0x80:
		return textsAt + (b-0x40)*textBytes
	case b < 0xa0:
		return heapAt - 256 + 8*(b-0x80)
	case b < 0xb0:
		return memoryEnd - (b - 0xa0)
	case b < 0xc0:
		return uint64(uint32(-int32(b - 0xb0)))
	case b < 0xd0:
		return inputAt + 16*(b-0xc0)
	case b < 0xe0:
		return 1<<(16+(b-0xd0)) - 1
	case b < 0xf0:
		return uint64(binary.LittleEndian.Uint32([]byte{c.byte(), c.byte(), c.byte(), c.byte()}))
	}
	return uint64(binary.LittleEndian.Uint32([]byte{c.byte(), c.byte(), c.byte(), c.byte()}))<<32 | b
}

// entry is a hostcall of a list.
type entry struct {
	hostcall int
	args     []uint64
}

func (c *choices) entry(names []string, params map[string]string) entry {
	e := entry{hostcall: int(c.byte()) % len(names)}
	for range params[names[e.hostcall]] {
		e.args = append(e.args, c.argument())
	}
	return e
}

// caller is an instance of the guest that makes any hostcalls.
type caller struct {
	names  []string
	params map[string]string
	in     *proxywasm.Instance
	c      choices
	input  []byte
}

// call writes a list, runs a callback and checks what the hostcalls have done.
func (r *caller) call(t *testing.T, callback func()) {
	memory := r.in.Memory()
	var list []entry
	for range r.c.byte() % maxEntries {
		list = append(list, r.c.entry(r.names, r.params))
	}
	allocator, allocatorAnswer := uint32(r.c.byte()), uint32(r.c.argument())
	if allocator > 2 {
		allocator = 0 // mostly it does what it should
	}
	page := make([]byte, heapAt)
	binary.LittleEndian.PutUint32(page[allocatorAt:], allocator)
	binary.LittleEndian.PutUint32(page[allocatorAnswerAt:], allocatorAnswer)
	binary.LittleEndian.PutUint32(page[callbackAnswerAt:], uint32(r.c.byte()%5))
	binary.LittleEndian.PutUint32(page[countAt:], uint32(len(list)))
	for i, e := range list {
		at := page[entriesAt+i*entryBytes:]
		binary.LittleEndian.PutUint32(at, uint32(e.hostcall))
		for k, arg := range e.args {
			binary.LittleEndian.PutUint64(at[8+8*k:], arg)
		}
	}
	for i, text := range texts() {
		copy(page[textsAt+i*textBytes:], text)
	}
	copy(page[inputAt:], r.input)
	if !memory.Write(0, page) {
		t.Fatal("the guest has another memory")
	}
	callback()
	// wazero turns a panic of a hostcall into the end of the instance, which would hide it.
	if failure := runtime.Error(nil); errors.As(r.in.Err(), &failure) || strings.Contains(fmt.Sprint(r.in.Err()), "runtime error") {
		t.Fatalf("the host panicked: %v", r.in.Err())
	}
	after, ok := memory.Read(0, heapAt)
	if !ok || memory.Size() != memoryEnd {
		t.Fatalf("the memory has %d bytes", memory.Size())
	}
	written := r.written(list, allocator, allocatorAnswer)
	if slices.ContainsFunc(written, func(a area) bool { return a.from < listEnd }) {
		return // the list may have been written over, and no one knows what ran
	}
	if at := strayWrite(page, after, written); at >= 0 {
		t.Fatalf("a hostcall wrote to %#x, which it was not given: %s", at, r.describe(list))
	}
	r.checkStatuses(t, list, after)
}

type area struct{ from, to uint64 }

// written is where hostcalls may write: to the places that they were given, and to what was allocated.
func (r *caller) written(list []entry, allocator, allocatorAnswer uint32) []area {
	areas := []area{{heapAt, memoryEnd}}
	if allocator > 1 {
		areas = append(areas, area{uint64(allocatorAnswer), memoryEnd})
	}
	for _, e := range list {
		for _, arg := range e.args {
			areas = append(areas, area{uint64(uint32(arg)), uint64(uint32(arg)) + 8})
		}
	}
	return areas
}

// strayWrite finds a change that no hostcall of the list may make, or is -1.
func strayWrite(before, after []byte, allowed []area) int {
	for at := listEnd; at < heapAt; at++ {
		if before[at] == after[at] {
			continue
		}
		inside := func(a area) bool { return a.from <= uint64(at) && uint64(at) < a.to }
		if !slices.ContainsFunc(allowed, inside) {
			return at
		}
	}
	return -1
}

func (r *caller) describe(list []entry) string {
	var lines []string
	for _, e := range list {
		lines = append(lines, fmt.Sprintf("%s%#x", r.names[e.hostcall], e.args))
	}
	return strings.Join(lines, "; ")
}

// checkStatuses holds the answers against what the SDKs survive.
func (r *caller) checkStatuses(t *testing.T, list []entry, memory []byte) {
	if r.in.Err() != nil {
		return // the rest of the list did not run
	}
	for i, e := range list {
		name := r.names[e.hostcall]
		status := abi.Status(binary.LittleEndian.Uint32(memory[entriesAt+i*entryBytes+104:]))
		if abi.Survive(name, status) != status {
			t.Fatalf("%s%v answered %v, which not all SDKs survive", name, e.args, status)
		}
	}
}

// silence is a logger that takes everything.
type silence struct{}

func (silence) Enabled(abi.LogLevel) bool                             { return true }
func (silence) Log(_ abi.LogLevel, msg string, _ proxywasm.LogOrigin) { _ = strings.Clone(msg) }
func (silence) Refused(r proxywasm.Refusal)                           { _ = fmt.Sprint(r) }

func compileAnycall(f *testing.F) *proxywasm.Module {
	code, err := os.ReadFile("testdata/anycall.wasm")
	if err != nil {
		f.Fatal(err)
	}
	m, err := proxywasm.Compile(context.Background(), code, proxywasm.Options{Name: "anycall"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = m.Close(context.Background()) })
	names := m.ImportNames()
	for name := range proxywasm.HostcallParams() {
		if !slices.Contains(names, name) {
			f.Errorf("testdata/anycall.wat does not import %s", name)
		}
	}
	return m
}

// FuzzHostcalls makes any hostcalls with any arguments in every callback: the host does not panic, writes only where it was
// asked to, answers what SDKs survive, and forgets the stream at its end.
func FuzzHostcalls(f *testing.F) {
	m := compileAnycall(f)
	names, params := m.ImportNames(), proxywasm.HostcallParams()
	for i, name := range names { // each once, with small numbers, addresses and the ends of the memory
		for _, argument := range []byte{1, 0x40, 0x80, 0xa4, 0xb1, 0xc1, 0xde} {
			stage := append([]byte{1, byte(i)}, bytes.Repeat([]byte{argument}, len(params[name]))...)
			stage = append(stage, 0, 0, 0)
			f.Add(bytes.Repeat(stage, 9))
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 2000 {
			t.Skip("more than the lists can take")
		}
		ctx, store, calls := context.Background(), shared.NewStore(), &callout.Caller{}
		defer calls.Close()
		space := store.Open("vm")
		in, err := m.NewInstance(ctx, proxywasm.VMConfig{VMID: "vm"}, proxywasm.Host{
			Log: silence{}, Shared: space, Queues: space, Metrics: guestmetrics.NewStore().Of("anycall"), HTTP: calls, GRPC: calls, Redis: calls,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close(ctx) }()
		exchangeOfAnyCalls(t, &caller{names: names, params: params, in: in, c: choices{input}, input: input})
	})
}

// exchangeOfAnyCalls is the life of a plugin context and of one stream.
func exchangeOfAnyCalls(t *testing.T, r *caller) {
	var plugin *proxywasm.PluginContext
	var stream *proxywasm.Stream
	var err error
	r.call(t, func() {
		plugin, err = r.in.NewPluginContext(context.Background(), proxywasm.PluginConfig{Name: "anycall", Configuration: "configuration"})
	})
	if err != nil {
		return
	}
	r.call(t, func() {
		stream, err = plugin.NewStream(proxywasm.NewMemoryExchange("the body", ":path", "/", "x-a", "1", "x-b", ""))
	})
	if err != nil {
		return
	}
	r.call(t, func() { stream.RequestHeaders(3, false) })
	r.call(t, func() { stream.RequestBody(8, true) })
	r.call(t, func() { stream.RequestTrailers(1) })
	r.call(t, func() { stream.ResponseHeaders(1, false) })
	r.call(t, func() { stream.ResponseBody(8, true) })
	r.call(t, func() { stream.ResponseTrailers(1) })
	r.call(t, stream.Finish)
	plugin.Close(context.Background())
	if contexts, calls := r.in.Remains(); r.in.Err() == nil && (contexts > 1 || calls > 0 && contexts == 0) {
		t.Errorf("%d contexts and %d calls are left", contexts, calls)
	}
}
