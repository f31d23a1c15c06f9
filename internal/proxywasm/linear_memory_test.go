package proxywasm

import (
	"bytes"
	"testing"
)

func TestLinearMemory(t *testing.T) {
	const most = 40 * pageBytes
	m := &linearMemory{most: most}
	want := bytes.Repeat([]byte{7}, 17*pageBytes)
	copy(m.Reallocate(17*pageBytes), want)
	moved := 0
	for pages := uint64(18); pages <= 40; pages++ {
		before := &m.buffer[0]
		got := m.Reallocate(pages * pageBytes)
		if before != &got[0] {
			moved++
		}
		if uint64(len(got)) != pages*pageBytes || cap(got) > most {
			t.Fatalf("of %d pages there are %d bytes, with room for %d", pages, len(got), cap(got))
		}
		want = append(want, make([]byte, pageBytes)...)
		if !bytes.Equal(got, want) {
			t.Fatalf("with %d pages the memory has other bytes", pages)
		}
		got[len(got)-1], want[len(want)-1] = 9, 9
	}
	if moved > 5 {
		t.Errorf("the memory moved %d times on its way from 17 to 40 pages", moved)
	}
}

// The room behind a guest's memory is not the guest's.
func TestRoomIsNotMemory(t *testing.T) {
	f := probe(t, "request_headers: grow 0; grow 1; grow 100000; badlog 4294901760 100")
	f.stream(t, newExchange()).RequestHeaders(0, true)
	size := f.instance.Memory().Size()
	if _, ok := f.instance.Memory().Read(size-1, 2); ok {
		t.Error("a byte behind the memory can be read")
	}
	f.want(t, "  badlog 4294901760 100 -> 6")
	if got := size % pageBytes; got != 0 || f.instance.Err() != nil {
		t.Errorf("the memory has %d bytes, the instance %v", size, f.instance.Err())
	}
}
