package metering

import "github.com/loom-gateway/loom/internal/wasmscreen"

// The instructions that are written.
const (
	opIf        = 0x04
	opEnd       = 0x0b
	opCall      = 0x10
	opLocalGet  = 0x20
	opGlobalGet = 0x23
	opGlobalSet = 0x24
	opI32Const  = 0x41
	opI32LtS    = 0x48
	opI32Sub    = 0x6b
	opI32ShrU   = 0x76
	noType      = 0x40
)

// body is what is known of a function while it is read.
type body struct {
	open       bool
	start, end int
	patches    []patch
	runs       []int // the patches of the function's code and of the loops that are open
}

// patch is a place in a function where something changes.
type patch struct {
	kind     wasmscreen.MarkKind
	from, to int
	value    uint32 // an index, or what a run of code costs
	calls    bool   // a run of code, outside of its loops, calls functions of the module
}

func (b *body) begin(m wasmscreen.Mark) {
	*b = body{open: true, start: m.From, end: m.To, patches: b.patches[:0], runs: b.runs[:0]}
}

// mark notes a mark inside of the function. Functions of the module have indices from firstOwn.
func (b *body) mark(m wasmscreen.Mark, firstOwn uint32) {
	switch m.Kind {
	case wasmscreen.MarkCode:
		b.beginRun(m, b.end-m.From)
	case wasmscreen.MarkLoop:
		b.beginRun(m, 0)
	case wasmscreen.MarkLoopEnd:
		b.endLoop(m.From)
	case wasmscreen.MarkCall:
		if m.Value >= firstOwn {
			b.callsOther()
		}
		b.add(m)
	case wasmscreen.MarkIndirectCall:
		b.callsOther()
	case wasmscreen.MarkMemoryGrow:
		b.run().value += growing
	case wasmscreen.MarkFunction, wasmscreen.MarkBulk:
		b.add(m)
	}
}

func (b *body) add(m wasmscreen.Mark) {
	b.patches = append(b.patches, patch{kind: m.Kind, from: m.From, to: m.To, value: m.Value})
}

// run is the innermost run of code.
func (b *body) run() *patch { return &b.patches[b.runs[len(b.runs)-1]] }

func (b *body) beginRun(m wasmscreen.Mark, size int) {
	b.runs = append(b.runs, len(b.patches))
	b.add(wasmscreen.Mark{Kind: m.Kind, From: m.From, To: m.From, Value: uint32(size)})
}

// endLoop moves what the loop costs from the run around it.
func (b *body) endLoop(end int) {
	loop := b.run()
	b.runs = b.runs[:len(b.runs)-1]
	size := uint32(end - loop.from)
	loop.value += size
	b.run().value -= size
}

// callsOther counts a call of a function that may not be charged for itself.
func (b *body) callsOther() {
	run := b.run()
	run.calls = true
	run.value += small
}

// endBody writes the function that has been read.
func (r *rewriter) endBody() {
	b := &r.body
	if !b.open {
		return
	}
	b.open = false
	at := len(r.out)
	r.out = append(r.out, make([]byte, lengthBytes)...)
	r.skipTo(b.start)
	for _, p := range b.patches {
		r.copyTo(p.from)
		r.apply(p)
	}
	r.copyTo(b.end)
	r.putLength(at)
}

// apply writes what stands in the place of a patch.
func (r *rewriter) apply(p patch) {
	switch p.kind {
	case wasmscreen.MarkCode:
		if p.calls || p.value > small {
			r.take(func() { r.constant(p.value) })
		}
	case wasmscreen.MarkLoop:
		r.take(func() { r.constant(p.value) })
	case wasmscreen.MarkCall, wasmscreen.MarkFunction:
		r.skipTo(p.to)
		r.number(r.shifted(p.value))
	case wasmscreen.MarkBulk:
		r.out = append(r.out, opCall)
		r.number(r.charge())
	}
}

// chargeBody is the function that bulk instructions pay with: it takes what its argument costs, and returns the argument.
func (r *rewriter) chargeBody() []byte {
	at := len(r.out)
	r.out = append(r.out, 0) // no variables
	r.take(func() { r.out = append(r.out, opLocalGet, 0, opI32Const, bulkShift, opI32ShrU) })
	r.out = append(r.out, opLocalGet, 0, opEnd)
	written := append([]byte(nil), r.out[at:]...)
	r.out = r.out[:at]
	return written
}

// take writes code that takes from the counter what cost pushes, and fills it when it is below zero.
func (r *rewriter) take(cost func()) {
	r.global(opGlobalGet)
	cost()
	r.out = append(r.out, opI32Sub)
	r.global(opGlobalSet)
	r.global(opGlobalGet)
	r.out = append(r.out, opI32Const, 0, opI32LtS, opIf, noType, opCall)
	r.number(r.slice())
	r.global(opGlobalSet)
	r.out = append(r.out, opEnd)
}

func (r *rewriter) global(op byte) {
	r.out = append(r.out, op)
	r.number(r.counter())
}

// constant pushes a number below 2^31.
func (r *rewriter) constant(n uint32) {
	r.out = append(r.out, opI32Const)
	for ; n >= 0x40; n >>= 7 {
		r.out = append(r.out, byte(n)|0x80)
	}
	r.out = append(r.out, byte(n))
}
