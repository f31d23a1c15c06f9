package wasmscreen

// Mark is a place in a module that who writes code into it has to know. Value is the number that stands there.
type Mark struct {
	Kind     MarkKind
	From, To int // of the bytes it is about
	Value    uint32
}

// MarkKind says what a mark is about. Marks come in the order of the bytes, an enclosing one first.
type MarkKind uint8

// The kinds of marks.
const (
	// MarkSection is the content of a section, with its number; MarkCustom the name of a custom section, MarkNames the content of a
	// part of the name section and MarkBody a function's locals and code.
	MarkSection MarkKind = iota
	MarkCustom
	MarkNames
	MarkBody
	// MarkCount is the number of entries of a list. Lists of segments and names have more of them inside.
	MarkCount
	// MarkType is a function type, MarkTypeUse the index of one. MarkImport is what is imported: the value is its kind.
	MarkType
	MarkTypeUse
	MarkImport
	// MarkFunction and MarkGlobal are the index of a function or global; MarkCall is that of a function which is called there.
	MarkFunction
	MarkGlobal
	MarkCall
	// MarkIndirectCall is a call through a table.
	MarkIndirectCall
	// MarkCode is where a function's first instruction begins, MarkLoop where a loop's does.
	MarkCode
	MarkLoop
	// MarkLoopEnd is the end of the innermost loop.
	MarkLoopEnd
	// MarkBulk is an instruction that works on as many bytes or entries as the number says that lies on top of the stack.
	MarkBulk
	// MarkMemoryGrow is memory.grow.
	MarkMemoryGrow

	markLocal // the index of a local variable
)

// The numbers of sections that are of use together with marks.
const (
	CustomSection   = customSection
	TypeSection     = typeSection
	ImportSection   = importSection
	FunctionSection = functionSection
	GlobalSection   = globalSection
	CodeSection     = codeSection
)

// ImportKind is the value of a MarkImport.
const (
	ImportFunction = 0
	ImportGlobal   = 3
)

// Visit is Screen for who wants to know where things stand. What was visited before an error is of no use.
func Visit(code []byte, limits Limits, visit func(Mark)) (Shape, error) {
	return screen(code, limits, visit)
}

// mark tells of what ends where the reader is.
func (s *screener) mark(kind MarkKind, from int, value uint32) {
	if s.visit != nil && s.err == nil {
		s.visit(Mark{Kind: kind, From: from, To: s.pos, Value: value})
	}
}

// markAhead tells of what lies before the reader, up to its bound.
func (s *screener) markAhead(kind MarkKind, value uint32) {
	if s.visit != nil && s.err == nil {
		s.visit(Mark{Kind: kind, From: s.pos, To: s.end, Value: value})
	}
}

// index reads an index of what functions and others are numbered by.
func (s *screener) index(kind MarkKind) {
	from := s.pos
	s.mark(kind, from, s.u32())
}
