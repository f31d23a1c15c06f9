package conformance

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/conformance.md")

const reportPath = "../../docs/conformance.md"

// report compares the results with docs/conformance.md, or writes it. After a run of some of the checks it does nothing.
func (s *suite) report(t *testing.T) {
	skips := 0
	for _, sec := range s.sections {
		if len(sec.statements) == 0 {
			return
		}
	}
	for _, st := range s.all() {
		switch st.result {
		case notRun:
			return
		case skipped:
			skips++
			t.Logf("not run here: %s %s", st.id, st.text)
		case failed, passed, left:
		}
	}
	s.complete(t)
	old, err := os.ReadFile(reportPath)
	if err != nil && !*update {
		t.Fatal(err)
	}
	s.findLost(t, string(old))
	switch text := s.text(); {
	case t.Failed() || skips > 0:
		t.Logf("%d checks were skipped; docs/conformance.md is left as it is", skips)
	case *update:
		if err := os.WriteFile(reportPath, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Print(text)
	case string(old) != text:
		t.Error("docs/conformance.md is not what this run gives: run `make conformance` and commit it")
	}
}

// findLost fails for a statement that passed once and is left out now. Whoever means it deletes its line first.
func (s *suite) findLost(t *testing.T, old string) {
	t.Helper()
	for _, st := range s.all() {
		if st.result == left && strings.Contains(old, fmt.Sprintf("| %s | %d | %s | %s |", st.id, st.priority, st.text, passed)) {
			t.Errorf("%s passed before and is left out now: %s", st.id, st.reason)
		}
	}
}

const reportHead = `# Conformance

What Loom's host does of the Proxy-Wasm ABI, statement by statement. Each line is a test in
[internal/conformance](../internal/conformance); ` + "`make conformance`" + ` runs them and writes this page.

Priority 1: real plugins break without it. 2: a host should do it. 3: nice to have.

| section | priority 1 | priority 2 | priority 3 |
|---|---|---|---|
`

func (s *suite) text() string {
	var b strings.Builder
	b.WriteString(reportHead)
	var total tally
	for _, sec := range s.sections {
		var own tally
		for _, st := range sec.statements {
			own.add(st)
			total.add(st)
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", sec.name, strings.ReplaceAll(strings.ToLower(sec.name), " ", "-"), own)
	}
	fmt.Fprintf(&b, "| **all** | %s |\n", total)
	for _, sec := range s.sections {
		fmt.Fprintf(&b, "\n## %s\n\n| id | priority | statement | result |\n|---|---|---|---|\n", sec.name)
		for _, st := range sec.statements {
			fmt.Fprintf(&b, "| %s | %d | %s | %s |\n", st.id, st.priority, st.text, st.outcome())
		}
	}
	return b.String()
}

func (st *statement) outcome() string {
	if st.reason != "" {
		return "left out: " + st.reason
	}
	return string(st.result)
}

// tally counts by priority.
type tally struct{ passed, of [4]int }

func (c *tally) add(st *statement) {
	c.of[st.priority]++
	if st.result == passed {
		c.passed[st.priority]++
	}
}

func (c tally) String() string {
	var columns []string
	for p := 1; p <= 3; p++ {
		columns = append(columns, fmt.Sprintf("%d of %d", c.passed[p], c.of[p]))
	}
	return strings.Join(columns, " | ")
}
