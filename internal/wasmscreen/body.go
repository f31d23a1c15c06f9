package wasmscreen

import "fmt"

// The instructions that have to be told apart.
const (
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opTypedSelect  = 0x1c
	opLocalGet     = 0x20
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableSet     = 0x26
	opLoad         = 0x28 // the first of loads and stores
	opStore        = 0x3e // the last
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opExtend       = 0xc4 // the last of those that calculate
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2
	opMisc         = 0xfc
	opVector       = 0xfd
	vecConst       = 0x0c
)

func (s *screener) bodies() {
	from := s.pos
	n := s.length()
	s.mark(MarkCount, from, uint32(n))
	s.shape.Bodies = n
	s.each(n, s.body)
}

// Advice for what compilers make of large functions.
const splitAdvice = "split the function, or build it with less inlining"

// What the compiler makes more branches of than the one that is seen. A loop that is metered has an if in it that calls the host:
// 2048 of them take it 0.4s, where 8192 ifs take 1.3s. An instruction that fills is compiled to a loop: 8000 take 1.7s.
const (
	loopBranches = 4
	fillBranches = 2
)

// tally counts what makes the compiler work in one function.
type tally struct {
	variables int // locals, and as many parameters as any function has
	branches  int // as Limits.Branches counts them
	calls     int
	loops     []bool // of each open block, whether it is a loop
	inLoops   int    // loops among them
}

func (s *screener) body() {
	size := s.length()
	outer := s.enter(size)
	s.markAhead(MarkBody, 0)
	s.shape.BodyBytes = max(s.shape.BodyBytes, size)
	s.atMost(size, s.limits.BodyBytes, "bytes in one function", splitAdvice)
	s.fills = 0
	t := tally{variables: s.locals() + s.shape.Arity, loops: s.open[:0]}
	s.mark(MarkCode, s.pos, 0)
	for depth := 1; s.more(); {
		switch op := s.byte(); op {
		case opBlock, opLoop, opIf:
			depth++
			s.block(&t, op == opLoop)
		case opEnd:
			if depth--; (depth == 0) != (s.pos == s.end) {
				s.malformed()
			}
			if t.end() {
				s.mark(MarkLoopEnd, s.pos-1, 0)
			}
		default:
			s.instruction(&t, op)
			if s.pos == s.end { // the last is an end
				s.malformed()
			}
		}
	}
	s.open = t.loops
	t.branches += s.fills * fillBranches
	s.add(t)
	s.leave(outer)
}

// block counts a block that begins, and reads its type.
func (s *screener) block(t *tally, loop bool) {
	t.branches++
	t.loops = append(t.loops, loop)
	if loop {
		t.branches += loopBranches - 1
		t.inLoops++
		s.shape.LoopVariables = max(s.shape.LoopVariables, t.inLoops*t.variables)
		s.atMost(s.shape.LoopVariables, s.limits.LoopVariables, "variables times loops inside of each other in one function", splitAdvice)
	}
	s.shape.Nesting = max(s.shape.Nesting, len(t.loops)+1)
	s.atMost(s.shape.Nesting, s.limits.Nesting, "blocks inside of each other in one function", splitAdvice)
	s.blockType()
	if loop {
		s.mark(MarkLoop, s.pos, 0)
	}
}

func (s *screener) blockType() {
	from := s.pos
	switch kind := s.s33(); {
	case kind >= 0:
		s.mark(MarkTypeUse, from, uint32(kind))
	case kind == nullableReference-0x80, kind == nonNullableReference-0x80:
		s.s33()
	}
}

// end ends the innermost block and reports whether that was a loop.
func (t *tally) end() (loop bool) {
	if last := len(t.loops) - 1; last >= 0 {
		if loop = t.loops[last]; loop {
			t.inLoops--
		}
		t.loops = t.loops[:last]
	}
	return loop
}

func (s *screener) instruction(t *tally, op byte) {
	switch op {
	case opBr, opBrIf:
		t.branches++
	case opCall, opCallIndirect:
		t.calls++
	}
	s.immediates(op)
}

// add refuses a function with too many branches, or with too many for its variables.
func (s *screener) add(t tally) {
	s.shape.Branches = max(s.shape.Branches, t.branches)
	s.shape.BranchVariables = max(s.shape.BranchVariables, t.branches*t.variables)
	s.shape.CallValues = max(s.shape.CallValues, t.calls*s.shape.Arity)
	s.shape.BranchSquares += t.branches * t.branches
	s.atMost(s.shape.Branches, s.limits.Branches, "blocks and branches in one function", splitAdvice)
	s.atMost(s.shape.BranchVariables, s.limits.BranchVariables, "variables times blocks and branches in one function", splitAdvice)
	s.atMost(s.shape.CallValues, s.limits.CallValues, "calls times parameters and results in one function", splitAdvice)
	s.atMost(s.shape.BranchSquares, s.limits.BranchSquares, "squares of the blocks and branches of its functions in sum",
		"split the largest functions, or build it in parts")
}

func (s *screener) locals() int {
	const far = 1 << 40 // more than any limit, and far from an overflow
	locals := 0
	s.each(s.length(), func() {
		locals = min(locals+int(s.u32()), far)
		s.valueType()
	})
	s.shape.BodyLocals = max(s.shape.BodyLocals, locals)
	s.shape.AllLocals = min(s.shape.AllLocals+locals, far)
	s.atMost(locals, s.limits.BodyLocals, "local variables in one function", splitAdvice)
	s.atMost(s.shape.AllLocals, s.limits.AllLocals, "local variables in all of its functions", "build it in parts")
	return locals
}

const plainAdvice = "build it for plain WebAssembly 2.0, without threads, exceptions, tail calls, garbage collection, and with one " +
	"memory of 32 bits"

// immediates reads what follows the opcode of an instruction that is no block.
func (s *screener) immediates(op byte) {
	switch {
	case op <= 1, op == opElse, op == opReturn, op == opDrop, op == opSelect, op > opF64Const && op <= opExtend, op == opRefIsNull:
	case op == opCall, op == opRefFunc, op == opGlobalGet, op == opGlobalSet:
		s.index(indexKind(op))
	case op == opBr, op == opBrIf, op >= opLocalGet && op <= opTableSet, op == opRefNull:
		s.u32()
	case op >= opLoad && op <= opStore, op == opCallIndirect:
		s.pair(op)
	case op == opMemorySize, op == opMemoryGrow:
		s.memoryIndex(op)
	case op == opI32Const:
		s.constant(5)
	case op == opI64Const:
		s.constant(10)
	case op == opF32Const:
		s.bytes(4)
	case op == opF64Const:
		s.bytes(8)
	case op == opBrTable:
		s.branchTable()
	case op == opTypedSelect:
		if s.byte() != 1 {
			s.malformed()
		}
		s.valueType()
	case op == opMisc:
		s.misc()
	case op == opVector:
		s.vector()
	default:
		s.fail(fmt.Errorf("the module has the instruction %#x%s, which Loom does not run: %s", op, proposal(op), plainAdvice))
	}
}

func indexKind(op byte) MarkKind {
	switch op {
	case opCall:
		return MarkCall
	case opRefFunc:
		return MarkFunction
	}
	return MarkGlobal
}

// pair reads an alignment and an offset, or a type and a table.
func (s *screener) pair(op byte) {
	if op != opCallIndirect {
		s.u32()
		s.u32()
		return
	}
	s.index(MarkTypeUse)
	s.u32()
	s.mark(MarkIndirectCall, s.pos, 0)
}

func (s *screener) memoryIndex(op byte) {
	s.byte()
	if op == opMemoryGrow {
		s.mark(MarkMemoryGrow, s.pos, 0)
	}
}

func (s *screener) branchTable() {
	n := s.length()
	s.shape.BranchTable = max(s.shape.BranchTable, n)
	s.shape.AllBranches += n
	s.atMost(n, s.limits.BranchTable, "targets in one br_table", "split the switch that it comes from")
	s.atMost(s.shape.AllBranches, s.limits.AllBranches, "targets in all br_tables", "build it in parts")
	for range n + 1 { // the last is the default
		s.u32()
	}
}

// misc reads an instruction after the byte 0xfc.
func (s *screener) misc() {
	from := s.pos - 1
	switch op := s.u32(); op {
	case 0, 1, 2, 3, 4, 5, 6, 7: // to integers
	case 9, 13, 16: // data.drop, elem.drop, table.size
		s.u32()
	case 11, 17: // memory.fill, table.fill
		s.fills++
		s.mark(MarkBulk, from, op)
		s.u32()
	case 8, 10, 12, 14: // memory.init, memory.copy, table.init, table.copy
		s.mark(MarkBulk, from, op)
		s.u32()
		s.u32()
	case 15: // table.grow
		s.mark(MarkBulk, from, op)
		if i := s.u32(); int64(i) < int64(len(s.tables)) {
			s.tables[i].grows = true
		}
	default:
		s.malformed()
	}
}

// vector reads an instruction after the byte 0xfd. Like the compiler it takes the opcode for one byte: a second one is 1,
// which is a nop.
func (s *screener) vector() {
	switch op := s.byte(); {
	case op <= 0x0b, op == 0x5c, op == 0x5d: // loads and the store
		s.u32()
		s.u32()
	case op == vecConst, op == vecConst+1: // and shuffle
		s.bytes(16)
	case op >= 0x15 && op <= 0x22: // a lane
		s.byte()
	case op >= 0x54 && op <= 0x5b: // loads and stores of a lane
		s.u32()
		s.u32()
		s.byte()
	}
}

// proposal names what an instruction comes from that is not in WebAssembly 2.0.
func proposal(op byte) string {
	switch op {
	case 0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f:
		return " of exception handling"
	case 0x12, 0x13, 0x15:
		return " of the feature tail-call"
	case 0x14, 0xd3, 0xd4, 0xd5, 0xd6:
		return " of typed function references"
	case 0xfb:
		return " of garbage collection"
	case 0xfe:
		return " of threads"
	}
	return ""
}
