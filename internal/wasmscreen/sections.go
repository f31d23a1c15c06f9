package wasmscreen

import "fmt"

// Bytes that stand before a reference type that is written out.
const (
	nullableReference    = 0x63
	nonNullableReference = 0x64
)

func (s *screener) types() {
	s.each(s.count(&s.shape.Types, s.limits.Types, "types", "build it without unused code"), func() {
		form := s.byte()
		if form != 0x4e { // a group of types
			s.functionType(form)
			return
		}
		n := s.length()
		s.shape.Types += n
		s.atMost(s.shape.Types, s.limits.Types, "types", "build it without unused code")
		s.each(n, func() { s.functionType(s.byte()) })
	})
}

func (s *screener) functionType(form byte) {
	switch form {
	case 0x60:
	case 0x4f, 0x50, 0x5e, 0x5f: // subtypes, arrays and structs
		s.collected(form)
	default:
		s.malformed()
	}
	arity := 0
	for range 2 { // parameters and results
		n := s.length()
		arity += n
		s.atMost(arity, s.limits.Arity, "parameters and results in one type", "pass a pointer instead")
		s.each(n, s.valueType)
	}
	s.shape.Arity = max(s.shape.Arity, arity)
	s.mark(MarkType, s.pos, 0)
}

func (s *screener) valueType() { s.valueTypeOf(s.byte()) }

func (s *screener) valueTypeOf(b byte) {
	switch {
	case b >= 0x7b && b <= 0x7f, b == 0x70, b == 0x6f, b == 0x69: // numbers, vectors, abstract references
	case b == nullableReference, b == nonNullableReference:
		s.s33()
	case b == 0x68, b >= 0x6a && b <= 0x6e, b >= 0x71 && b <= 0x74:
		s.collected(b)
	default:
		s.malformed()
	}
}

// collected refuses what only garbage collection has.
func (s *screener) collected(kind byte) {
	s.fail(fmt.Errorf("the module has the type %#x of garbage collection, which Loom does not run: %s", kind, plainAdvice))
}

func (s *screener) imports() {
	s.each(s.count(&s.shape.Imports, s.limits.Imports, "imports", "link it without unused imports"), func() {
		s.skip() // the module
		s.skip() // the name
		kind := s.byte()
		s.mark(MarkImport, s.pos-1, uint32(kind))
		switch kind {
		case ImportFunction:
			s.index(MarkTypeUse)
		case 1:
			s.table()
		case 2:
			s.memory()
		case ImportGlobal:
			s.globalType()
		default:
			s.malformed()
		}
	})
}

func (s *screener) functions() {
	s.each(s.count(&s.shape.Functions, s.limits.Functions, "functions", "build it without unused code, or in parts"), func() { s.index(MarkTypeUse) })
}

func (s *screener) memories() { s.each(s.length(), s.memory) }

func (s *screener) memory() {
	s.shape.Memories++
	s.atMost(s.shape.Memories, 1, "memories", plainAdvice)
	s.sizes()
}

// sizes reads the least size and the most; the most is -1 if there is none.
func (s *screener) sizes() (least, most int64) {
	switch flags := s.byte(); flags {
	case 0, 2:
		return int64(s.u32()), -1
	case 1, 3:
		return int64(s.u32()), int64(s.u32())
	case 4, 5, 6, 7:
		s.fail(fmt.Errorf("the module has 64-bit addresses (limits of kind %#x): %s", flags, plainAdvice))
	default:
		s.malformed()
	}
	return 0, 0
}

func (s *screener) globals() {
	s.each(s.count(&s.shape.Globals, s.limits.Globals, "globals", "keep these variables in memory"), func() {
		s.globalType()
		s.expression()
	})
}

func (s *screener) globalType() {
	s.valueType()
	if s.byte() > 1 {
		s.malformed()
	}
}

func (s *screener) exports() {
	s.each(s.count(&s.shape.Exports, s.limits.Exports, "exports", "export only the callbacks of the ABI"), func() {
		s.skip()
		switch kind := s.byte(); {
		case kind == ImportFunction:
			s.index(MarkFunction)
		case kind == ImportGlobal:
			s.index(MarkGlobal)
		case kind > 4:
			s.malformed()
		default:
			s.u32()
		}
	})
}

func (s *screener) data() {
	s.each(s.count(&s.shape.DataSegments, s.limits.DataSegments, "data segments", "let the linker merge them"), func() {
		switch s.u32() {
		case 0:
			s.expression()
		case 1:
		case 2:
			if s.u32() != 0 {
				s.malformed()
			}
			s.expression()
		default:
			s.malformed()
		}
		s.skip()
	})
}

// expression reads the value of a global or an offset.
func (s *screener) expression() {
	for s.err == nil {
		switch op := s.byte(); op {
		case opEnd:
			return
		case opI32Const:
			s.constant(5)
		case opI64Const:
			s.constant(10)
		case opF32Const:
			s.bytes(4)
		case opF64Const:
			s.bytes(8)
		case opGlobalGet:
			s.index(MarkGlobal)
		case opRefFunc:
			s.index(MarkFunction)
		case opRefNull:
			s.u32() // the names of abstract types are one byte as well
		case opVector:
			if s.byte() != vecConst {
				s.malformed()
			}
			s.bytes(16)
		default:
			s.malformed()
		}
	}
}

// custom reads the names that the compiler reads; what is in other custom sections nobody reads.
func (s *screener) custom() {
	s.where = "a custom section"
	name := s.bytes(s.length())
	s.mark(MarkCustom, s.pos-len(name), 0)
	if string(name) != "name" {
		s.bytes(s.end - s.pos)
		return
	}
	s.where = "its name section"
	for s.more() {
		kind := s.byte()
		outer := s.enter(s.length())
		s.markAhead(MarkNames, uint32(kind))
		switch kind {
		case 0:
			s.skip()
		case 1:
			s.names(MarkFunction)
		case 2:
			s.each(s.count(&s.shape.Names, s.limits.Names, "names", stripAdvice), func() {
				s.index(MarkFunction)
				s.names(markLocal)
			})
		default:
			s.bytes(s.end - s.pos)
		}
		s.leave(outer)
	}
}

const stripAdvice = "strip it of its names, such as with `wasm-strip`"

func (s *screener) names(of MarkKind) {
	s.each(s.count(&s.shape.Names, s.limits.Names, "names", stripAdvice), func() {
		s.index(of)
		s.skip()
	})
}
