package metering

import (
	"bytes"
	"fmt"
	"math"

	"github.com/loom-gateway/loom/internal/wasmscreen"
)

// Rewrite returns the module with metering; changed is false when it has no code that could be metered. The added import is the last of a function,
// and two functions stand before those of the module. Debug information that names places in the code is left out: the
// code has moved. The module is screened on the way: what limits do not admit is refused in the words of wasmscreen.
func Rewrite(code []byte, limits wasmscreen.Limits) (metered []byte, changed bool, err error) {
	r := &rewriter{writer: writer{in: code, out: make([]byte, 0, len(code)+len(code)/4+1024)}}
	shape, err := wasmscreen.Visit(code, limits, r.visit)
	switch {
	case err != nil:
		return nil, false, err
	case shape.Bodies == 0:
		return code, false, nil
	case r.types == 0:
		return nil, false, fmt.Errorf("metering the module: %w: it has functions and no types", wasmscreen.ErrMalformed)
	case r.stray:
		return nil, false, fmt.Errorf("metering the module: %w: it uses a type or a global that it does not have", wasmscreen.ErrMalformed)
	}
	r.endSection()
	return r.out, true, nil
}

// rewriter copies a module and changes on the way what marks point at.
type rewriter struct {
	writer
	section                                     uint32
	counted                                     bool // the number of entries of the section has been written
	hasImports, hasGlobals                      bool
	types, importedFunctions, imported, globals uint32 // imported are the imported globals
	stray                                       bool   // a type or a global is used that is not there: what is added is out of reach
	body                                        body
}

func (r *rewriter) visit(m wasmscreen.Mark) {
	switch m.Kind {
	case wasmscreen.MarkSection:
		r.beginSection(m)
	case wasmscreen.MarkCustom:
		if bytes.HasPrefix(r.in[m.From:m.To], []byte(".debug_")) {
			r.drop()
			return
		}
		r.copyTo(m.To)
	case wasmscreen.MarkNames:
		r.beginPart(m)
	case wasmscreen.MarkCount:
		r.count(m)
	case wasmscreen.MarkType:
		r.types++
	case wasmscreen.MarkTypeUse:
		r.stray = r.stray || m.Value >= r.types
	case wasmscreen.MarkImport:
		r.countImport(m.Value)
	case wasmscreen.MarkGlobal:
		r.stray = r.stray || m.Value >= r.counter()
	case wasmscreen.MarkFunction:
		r.function(m)
	case wasmscreen.MarkBody:
		r.endBody()
		r.body.begin(m)
	default:
		r.body.mark(m, r.importedFunctions)
	}
}

func (r *rewriter) countImport(kind uint32) {
	switch kind {
	case wasmscreen.ImportFunction:
		r.importedFunctions++
	case wasmscreen.ImportGlobal:
		r.imported++
	}
}

// The indices of what is added.
func (r *rewriter) sliceType() uint32  { return r.types }
func (r *rewriter) chargeType() uint32 { return r.types + 1 }
func (r *rewriter) slice() uint32      { return r.importedFunctions }
func (r *rewriter) charge() uint32     { return r.importedFunctions + 1 }
func (r *rewriter) counter() uint32    { return r.imported + r.globals }

// shifted is the index that a function has now.
func (r *rewriter) shifted(index uint32) uint32 {
	switch {
	case index < r.importedFunctions:
		return index
	case index > math.MaxUint32-Added: // of no function, and so it stays
		return index
	}
	return index + Added
}

func (r *rewriter) function(m wasmscreen.Mark) {
	if r.body.open {
		r.body.mark(m, r.importedFunctions)
		return
	}
	r.copyTo(m.From)
	r.skipTo(m.To)
	r.number(r.shifted(m.Value))
}

func (r *rewriter) beginSection(m wasmscreen.Mark) {
	r.endSection()
	if m.Value != wasmscreen.CustomSection {
		r.addSectionsBefore(m.Value)
	}
	r.section, r.counted = m.Value, false
	r.begin(byte(m.Value), m)
}

// beginPart begins a part of the name section.
func (r *rewriter) beginPart(m wasmscreen.Mark) {
	for len(r.open) > 1 {
		r.end()
	}
	r.begin(byte(m.Value), m)
}

// count writes the number of entries of a section that gets more of them.
func (r *rewriter) count(m wasmscreen.Mark) {
	if r.counted {
		return
	}
	r.counted = true
	var more uint32
	switch r.section {
	case wasmscreen.TypeSection:
		more = 2
	case wasmscreen.ImportSection:
		r.hasImports, more = true, 1
	case wasmscreen.GlobalSection:
		r.globals, r.hasGlobals, more = m.Value, true, 1
	case wasmscreen.FunctionSection, wasmscreen.CodeSection:
		more = 1
	default:
		return
	}
	r.copyTo(m.From)
	r.skipTo(m.To)
	r.number(m.Value + more)
	switch r.section {
	case wasmscreen.FunctionSection:
		r.number(r.chargeType())
	case wasmscreen.CodeSection:
		r.sized(r.chargeBody())
	}
}

// endSection writes the rest of a section, and what is added to its end.
func (r *rewriter) endSection() {
	if len(r.open) == 0 {
		return
	}
	for len(r.open) > 1 {
		r.end()
	}
	r.endBody()
	r.copyTo(r.open[0].end)
	switch r.section {
	case wasmscreen.TypeSection:
		r.out = append(r.out, addedTypes...)
	case wasmscreen.ImportSection:
		r.addImport()
	case wasmscreen.GlobalSection:
		r.out = append(r.out, addedGlobal...)
	}
	r.end()
}

const (
	addedTypes  = "\x60\x00\x01\x7f" + "\x60\x01\x7f\x01\x7f" // () -> i32 and (i32) -> i32
	addedGlobal = "\x7f\x01\x41\x00\x0b"                      // a variable i32 that begins with 0
)

func (r *rewriter) addImport() {
	r.sized([]byte(Module))
	r.sized([]byte(Function))
	r.out = append(r.out, wasmscreen.ImportFunction)
	r.number(r.sliceType())
}

// addSectionsBefore adds the sections that the module does not have, where the order wants them.
func (r *rewriter) addSectionsBefore(next uint32) {
	if next > wasmscreen.ImportSection && !r.hasImports {
		r.hasImports = true
		r.beginAdded(wasmscreen.ImportSection)
		r.addImport()
		r.end()
	}
	if next > wasmscreen.GlobalSection && !r.hasGlobals {
		r.hasGlobals = true
		r.beginAdded(wasmscreen.GlobalSection)
		r.out = append(r.out, addedGlobal...)
		r.end()
	}
}

func (r *rewriter) beginAdded(section byte) {
	r.begin(section, wasmscreen.Mark{From: r.done, To: r.done})
	r.number(1)
}
