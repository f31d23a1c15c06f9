package metering

import (
	"encoding/binary"

	"github.com/loom-gateway/loom/internal/wasmscreen"
)

// writer copies a module piece by piece.
type writer struct {
	in, out []byte
	done    int     // so far in has been copied or skipped
	open    []frame // of the section and a part of it
}

// frame is a part of the module that begins with its length.
type frame struct{ lengthAt, end int }

// lengthBytes is the room for a length that is filled in afterwards, the most that the format permits.
const lengthBytes = 5

func (w *writer) copyTo(end int) {
	w.out = append(w.out, w.in[w.done:end]...)
	w.done = end
}

func (w *writer) skipTo(end int) { w.done = end }

func (w *writer) number(n uint32) { w.out = binary.AppendUvarint(w.out, uint64(n)) }

// sized writes bytes with their number before them.
func (w *writer) sized(content []byte) {
	w.number(uint32(len(content)))
	w.out = append(w.out, content...)
}

// begin begins a part of the module in the place of that of the mark.
func (w *writer) begin(kind byte, m wasmscreen.Mark) {
	if len(w.out) == 0 {
		const head = 8
		w.copyTo(head)
	}
	w.out = append(w.out, kind)
	w.open = append(w.open, frame{lengthAt: len(w.out), end: m.To})
	w.out = append(w.out, make([]byte, lengthBytes)...)
	w.skipTo(m.From)
}

// end writes what is left of the innermost part, and its length.
func (w *writer) end() {
	last := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	w.copyTo(last.end)
	w.putLength(last.lengthAt)
}

// drop leaves out the innermost part.
func (w *writer) drop() {
	last := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	w.out = w.out[:last.lengthAt-1]
	w.skipTo(last.end)
}

// putLength fills in a length when what it counts has been written.
func (w *writer) putLength(at int) {
	length := len(w.out) - at - lengthBytes
	for i := range lengthBytes {
		w.out[at+i] = byte(length>>(7*i))&0x7f | 0x80
	}
	w.out[at+lengthBytes-1] &= 0x7f
}
