package hostile

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// report is what the run found.
type report struct {
	results          []*result
	usages           []groupUsage
	base             usage
	answered, failed int
}

type groupUsage struct {
	group string
	usage usage
	err   error
}

func (r *report) add(one *result) { r.results = append(r.results, one) }

const (
	page  = "../../docs/security.md"
	begin = "<!-- begin: make hostile -->\n"
	end   = "<!-- end: make hostile -->\n"
)

// write prints the table, and writes it into the page or compares what it says of the cases.
func (r *report) write(t *testing.T) {
	t.Helper()
	t.Logf("the neighbour got %d answers of %d", r.answered, r.answered+r.failed)
	if *only != "" {
		return
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", page)
	}
	if *all && *update {
		fresh := before + begin + r.table() + end + after
		if err := os.WriteFile(page, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if missing := missingRows(old); len(missing) > 0 {
		t.Errorf("%s lacks %d rows, the first is %q: make hostile writes them", page, len(missing), missing[0])
	}
}

// missingRows are those of the catalogue that a table does not have.
func missingRows(table string) []string {
	var missing []string
	for _, b := range catalogue() {
		for i := range b.attacks {
			if row := b.row(i); !strings.Contains(table, row) {
				missing = append(missing, row)
			}
		}
	}
	return missing
}

func (r *result) String() string {
	return fmt.Sprintf("%2d %-55s %3d of %3d cases %5.1fs  neighbour p99 %6s, calm %6s, %d samples", r.behaviour.id, r.behaviour.name, r.held(),
		len(r.trials), r.took.Seconds(), short(r.p99), short(r.calm), r.samples)
}

// row is what the table says of an attack, whatever became of it.
func (b *behaviour) row(i int) string {
	a := b.attacks[i]
	return fmt.Sprintf("| %d.%d | %s: %s | %s | %s | %s |", b.id, i+1, b.name, a.name, b.places(a), b.underPolicies(a), a.outcome)
}

func (b *behaviour) places(a attack) string {
	if slices.Equal(a.in, everywhere()) {
		return "every callback"
	}
	if slices.Equal(a.in, onStreams()) {
		return "every callback of a request"
	}
	return strings.ReplaceAll(strings.Join(a.in, ", "), "_", "\\_")
}

func (b *behaviour) underPolicies(a attack) string {
	if !slices.ContainsFunc(a.in, func(in string) bool { return !a.policyFree(in) }) {
		return "any"
	}
	return strings.Join(policies(), ", ")
}

// short is a duration in milliseconds.
func short(d time.Duration) string { return fmt.Sprintf("%.1fms", float64(d.Microseconds())/1000) }

// table is the page's part that is made here.
func (r *report) table() string {
	var b strings.Builder
	total, held := 0, 0
	for _, one := range r.results {
		total += len(one.trials)
		held += one.held()
	}
	fmt.Fprintf(&b, "%d cases of %d behaviours in one process, which lived: %d as promised. The neighbour got %d answers of %d.\n",
		total, len(r.results), held, r.answered, r.answered+r.failed)
	for _, u := range r.usages {
		r.writeGroup(&b, u)
	}
	return b.String()
}

func (r *report) writeGroup(b *strings.Builder, u groupUsage) {
	fmt.Fprintf(b, "\n**%s.** When the plugins were gone: %+d MB of memory, %+d goroutines.\n\n", strings.ToUpper(u.group[:1])+u.group[1:],
		(u.usage.rss-r.base.rss)>>20, u.usage.goroutines-r.base.goroutines)
	b.WriteString("| id | what the plugin does | where | policy | outcome | held |\n|---|---|---|---|---|---|\n")
	var failures []string
	for _, one := range r.results {
		if one.behaviour.group != u.group {
			continue
		}
		for i := range one.behaviour.attacks {
			passed, of := one.count(i)
			fmt.Fprintf(b, "%s %d of %d |\n", one.behaviour.row(i), passed, of)
		}
		for _, tr := range one.trials {
			if tr.err != nil {
				failures = append(failures, fmt.Sprintf("- %s: %.300s\n", tr, strings.ReplaceAll(tr.err.Error(), "\n", " ")))
			}
		}
	}
	b.WriteString("\n| | the gateway | neighbour's p99 | without attacks | times | samples |\n|---|---|---|---|---|---|\n")
	for _, one := range r.results {
		if one.behaviour.group == u.group {
			fmt.Fprintf(b, "| %d | %s | %s | %s | %.1f | %d |\n", one.behaviour.id, one.behaviour.promise, short(one.p99), short(one.calm),
				float64(one.p99)/float64(max(one.calm, 1)), one.samples)
		}
	}
	if len(failures) > 0 {
		b.WriteString("\nNot as promised:\n\n" + strings.Join(failures, ""))
	}
}

func (r *result) held() int {
	n := 0
	for _, tr := range r.trials {
		if tr.err == nil {
			n++
		}
	}
	return n
}

// count is how many of an attack's cases were as promised.
func (r *result) count(attack int) (held, of int) {
	for _, tr := range r.trials {
		if tr.attack.name == r.behaviour.attacks[attack].name {
			if of++; tr.err == nil {
				held++
			}
		}
	}
	return held, of
}
