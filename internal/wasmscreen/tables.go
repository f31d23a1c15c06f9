package wasmscreen

import "fmt"

// table is the sizes of a table. The most is -1 if the module names none.
type table struct {
	least, most int64
	grows       bool // by table.grow
}

func (s *screener) tableSection() { s.each(s.length(), s.table) }

func (s *screener) table() {
	kind := s.byte()
	filled := kind == 0x40 // with an initial value
	if filled {
		if s.byte() != 0 {
			s.malformed()
		}
		kind = s.byte()
	}
	if kind == nullableReference || kind == nonNullableReference {
		s.s33()
	}
	var t table
	t.least, t.most = s.sizes()
	if filled {
		s.expression()
	}
	s.shape.Tables++
	s.atMost(s.shape.Tables, s.limits.Tables, "tables", "build it with one table of functions")
	s.tables = append(s.tables, t)
}

// checkTables counts what tables may grow to: their room is taken outside of the linear memory, and no limit of the
// engine is for it.
func (s *screener) checkTables() {
	entries := int64(0)
	for i, t := range s.tables {
		size := t.least
		if t.grows {
			size = t.most
		}
		if size < 0 {
			s.fail(fmt.Errorf("the module grows table %d (table.grow), which has no maximum: give it one of at most %d entries",
				i, s.limits.TableEntries))
			return
		}
		entries += size
	}
	s.shape.TableEntries = int(entries)
	s.atMost(s.shape.TableEntries, s.limits.TableEntries, "entries in its tables, or may grow them so far with table.grow",
		"make the tables smaller or raise the plugin's limits.memory, an eighth of which is for tables")
}

func (s *screener) elements() {
	s.each(s.count(&s.shape.Elements, s.limits.Elements, "element segments", "let the linker merge them"), s.element)
}

func (s *screener) element() {
	// The bits of flags: 1 is passive or declared, 2 an explicit table or declared, 4 expressions instead of functions.
	flags := s.u32()
	if flags > 7 {
		s.malformed()
	}
	active := flags&1 == 0
	if active && flags&2 != 0 {
		s.u32() // the table
	}
	if active {
		s.expression() // the offset
	}
	if flags&3 != 0 {
		s.elementKind(flags&4 != 0)
	}
	n := s.count(&s.shape.ElementItems, s.limits.ElementItems, "entries in element segments", "build it without unused functions")
	if flags&4 != 0 {
		s.each(n, s.expression)
		return
	}
	s.each(n, func() { s.index(MarkFunction) })
}

func (s *screener) elementKind(typed bool) {
	kind := s.byte()
	switch {
	case !typed && kind != 0:
		s.malformed()
	case typed && (kind == nullableReference || kind == nonNullableReference):
		s.s33()
	}
}
