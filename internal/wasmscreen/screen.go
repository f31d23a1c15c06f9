// Package wasmscreen reads the shape of a WebAssembly module and refuses one that a compiler would take too long or too
// much memory for, before any compiler sees it.
//
// It reads each byte once and keeps nothing whose size the module only claims. It has to read every instruction where the
// compiler reads it, or a module could hide one from it: so what it cannot read for certain it refuses as well.
package wasmscreen

import (
	"encoding/binary"
	"errors"
)

// Screen reads a module. The error is one sentence that says what was found, which limit it is over and what to do; it is
// ErrMalformed if no compiler can read the module.
func Screen(code []byte, limits Limits) (Shape, error) { return screen(code, limits, nil) }

func screen(code []byte, limits Limits, visit func(Mark)) (Shape, error) {
	s := &screener{reader: reader{code: code, end: len(code), where: "its head"}, limits: limits, visit: visit}
	if head := s.bytes(8); s.err == nil && (string(head[:4]) != "\x00asm" || binary.LittleEndian.Uint32(head[4:]) != 1) {
		s.malformed()
	}
	for last := 0; s.more(); {
		last = s.section(last)
	}
	s.where = "its code"
	if s.shape.Functions != s.shape.Bodies {
		s.malformed()
	}
	s.checkTables()
	return s.shape, s.err
}

// Shape is what a module has.
type Shape struct {
	Types, Imports, Functions, Tables, Memories, Globals, Exports, Elements, Bodies, DataSegments int
	// ElementItems is the entries of all element segments, Names those of the name section.
	ElementItems, Names int
	// Arity is the most parameters and results of one function type.
	Arity int
	// BodyBytes, BodyLocals, BranchTable and Nesting are the most in one function, AllLocals and AllBranches the sums.
	BodyBytes, BodyLocals, BranchTable, Nesting int
	AllLocals, AllBranches                      int
	// Branches, LoopVariables, BranchVariables, CallValues and BranchSquares are counted as in Limits.
	Branches, LoopVariables, BranchVariables, CallValues, BranchSquares int
	// TableEntries is the most that all tables can grow to.
	TableEntries int
}

// The binary format's numbers of sections.
const (
	customSection = iota
	typeSection
	importSection
	functionSection
	tableSection
	memorySection
	globalSection
	exportSection
	startSection
	elementSection
	codeSection
	dataSection
	dataCountSection
	tagSection
)

type screener struct {
	reader
	limits Limits
	shape  Shape
	tables []table
	open   []bool // of the last function, for the next one
	fills  int    // instructions that fill memory or tables, in the function that is read
	visit  func(Mark)
}

// section reads one section and returns its place in the order; last is the place of the one before.
func (s *screener) section(last int) int {
	s.where = "its list of sections"
	id := int(s.byte())
	outer := s.enter(s.length())
	s.markAhead(MarkSection, uint32(id))
	if id == customSection {
		s.custom()
		s.leave(outer)
		return last
	}
	if id == tagSection {
		s.fail(errors.New("the module has exceptions (a tag section): " + plainAdvice))
	}
	place := 2 * id
	if id == dataCountSection {
		place = 2*codeSection - 1
	}
	if place <= last || id > dataCountSection {
		s.malformed()
	}
	if read := s.sectionReader(id); s.err == nil {
		read()
	}
	s.leave(outer)
	return place
}

func (s *screener) sectionReader(id int) func() {
	s.where = [...]string{
		"", "its types", "its imports", "its functions", "its tables", "its memories", "its globals", "its exports", "its start function",
		"its element segments", "its code", "its data segments", "its data count",
	}[min(id, dataCountSection)]
	switch id {
	case typeSection:
		return s.types
	case importSection:
		return s.imports
	case functionSection:
		return s.functions
	case tableSection:
		return s.tableSection
	case memorySection:
		return s.memories
	case globalSection:
		return s.globals
	case exportSection:
		return s.exports
	case elementSection:
		return s.elements
	case codeSection:
		return s.bodies
	case dataSection:
		return s.data
	}
	if id == startSection {
		return func() { s.index(MarkFunction) }
	}
	return func() { s.u32() } // the number of data segments
}

// count reads the length of a list, whose entries have at least a byte each, and adds it to sum.
func (s *screener) count(sum *int, limit int, what, advice string) int {
	from := s.pos
	n := s.length()
	s.mark(MarkCount, from, uint32(n))
	*sum += n
	s.atMost(*sum, limit, what, advice)
	return n
}

// each reads a list.
func (s *screener) each(n int, read func()) {
	for ; n > 0 && s.err == nil; n-- {
		read()
	}
}
