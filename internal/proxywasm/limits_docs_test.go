package proxywasm

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/limits.md")

// The table of docs/limits.md is that of LimitTable.
func TestLimitsInTheDocs(t *testing.T) {
	const path, mark = "../../docs/limits.md", "| what |"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(page), mark)
	if !found {
		t.Fatalf("%s has no table", path)
	}
	_, after, _ = strings.Cut(after, "\n\n")
	want := before + limitsTable() + "\n" + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Errorf("%s is not what LimitTable says: go test ./internal/proxywasm -run TestLimitsInTheDocs -update", path)
	}
}

func limitsTable() string {
	var b strings.Builder
	b.WriteString("| what | `limits.` | default | when it takes effect | why | counted as |\n|---|---|---|---|---|---|\n")
	for _, l := range LimitTable() {
		var settings []string
		for _, s := range l.Settings {
			settings = append(settings, "`"+s+"`")
		}
		counted := ""
		if l.Counted != "" {
			counted = "`" + l.Counted + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", l.What, strings.Join(settings, ", "), l.Default, l.Hit, l.Why, counted)
	}
	return b.String()
}

// Each counted limit stands in the table.
func TestCountedLimitsAreExplained(t *testing.T) {
	inTable := map[string]bool{}
	for _, l := range LimitTable() {
		inTable[l.Counted] = true
	}
	for _, l := range CountedLimits() {
		if !inTable[l.String()] {
			t.Errorf("%s is not in LimitTable", l)
		}
	}
}
