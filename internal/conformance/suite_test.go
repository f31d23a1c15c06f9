package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// suite collects what became of every statement.
type suite struct {
	t        *testing.T // of the section that runs
	sections []*section

	mu sync.Mutex // guards the results: the checks of a section run side by side
}

// section is one chapter of the ABI; its statements are numbered PREFIX-01 to PREFIX-count.
type section struct {
	name, prefix string
	count        int
	statements   []*statement
}

// statement is one thing that a host must do. Priority 1: a real plugin breaks without it; 2: it should; 3: nice to have.
type statement struct {
	id       string
	priority int
	text     string
	reason   string // why it is left out
	result   result
}

type result string

const (
	notRun  result = ""
	passed  result = "pass"
	failed  result = "FAIL"
	skipped result = "skipped"
	left    result = "left out"
)

// section runs the checks of a chapter, and waits for them.
func (s *suite) section(t *testing.T, name, prefix string, count int, run func(*suite)) {
	sec := &section{name: name, prefix: prefix, count: count}
	s.sections = append(s.sections, sec)
	t.Run(name, func(t *testing.T) {
		s.t = t
		run(s)
	})
	slices.SortFunc(sec.statements, func(a, b *statement) int { return strings.Compare(a.id, b.id) })
}

// check tests a statement. Checks run side by side, so each brings its own gateway.
func (s *suite) check(id string, priority int, text string, test func(t *testing.T)) {
	st := s.add(&statement{id: id, priority: priority, text: text})
	s.t.Run(id, func(t *testing.T) {
		t.Parallel()
		t.Cleanup(func() { s.record(t, st) })
		test(t)
	})
}

// leftOut says why a statement is not tested.
func (s *suite) leftOut(id string, priority int, text, reason string) {
	s.add(&statement{id: id, priority: priority, text: text, reason: reason, result: left})
}

func (s *suite) add(st *statement) *statement {
	sec := s.sections[len(s.sections)-1]
	sec.statements = append(sec.statements, st)
	return st
}

func (s *suite) record(t *testing.T, st *statement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case t.Failed():
		st.result = failed
	case t.Skipped():
		st.result = skipped
	default:
		st.result = passed
	}
}

// all lists the statements of all sections.
func (s *suite) all() []*statement {
	var list []*statement
	for _, sec := range s.sections {
		list = append(list, sec.statements...)
	}
	return list
}

// complete reports every number that is missing or stands twice, so that no statement is forgotten in silence.
func (s *suite) complete(t *testing.T) {
	t.Helper()
	for _, sec := range s.sections {
		seen := map[string]int{}
		for _, st := range sec.statements {
			seen[st.id]++
		}
		for n := 1; n <= sec.count; n++ {
			id := fmt.Sprintf("%s-%02d", sec.prefix, n)
			if seen[id] != 1 {
				t.Errorf("statement %s stands %d times in section %q", id, seen[id], sec.name)
			}
			delete(seen, id)
		}
		for id := range seen {
			t.Errorf("section %q has an unknown statement %s", sec.name, id)
		}
	}
}
