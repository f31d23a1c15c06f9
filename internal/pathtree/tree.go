package pathtree

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// node is a place in the tree between two slashes. Children are found by the text of the next segment.
//
// A lookup walks from the most specific child to the least and comes back when nothing below matches.
type node struct {
	literals map[string]*node
	capture  *node
	prefixes []prefixes // longest first
	rest     []*entry
	here     []*entry // patterns that end here
}

type prefixes struct {
	text    string
	entries []*entry
}

func (n *node) insert(p pattern, e *entry) {
	for _, s := range p.segments {
		switch s.kind {
		case literal:
			if n.literals == nil {
				n.literals = map[string]*node{}
			}
			if n.literals[s.text] == nil {
				n.literals[s.text] = new(node)
			}
			n = n.literals[s.text]
		case capture:
			if n.capture == nil {
				n.capture = new(node)
			}
			n = n.capture
		case prefix:
			n.insertPrefix(s.text, e)
			return
		case rest:
			n.rest = append(n.rest, e)
			return
		}
	}
	n.here = append(n.here, e)
}

func (n *node) insertPrefix(text string, e *entry) {
	i := slices.IndexFunc(n.prefixes, func(p prefixes) bool { return p.text == text })
	if i < 0 {
		i = len(n.prefixes)
		n.prefixes = append(n.prefixes, prefixes{text: text})
	}
	n.prefixes[i].entries = append(n.prefixes[i].entries, e)
}

// sort brings the entries of a node into the order in which they are tried.
func (n *node) sort() {
	slices.SortFunc(n.here, compareEntries)
	slices.SortFunc(n.rest, compareEntries)
	slices.SortFunc(n.prefixes, func(a, b prefixes) int { return cmp.Compare(len(b.text), len(a.text)) })
	for _, p := range n.prefixes {
		slices.SortFunc(p.entries, compareEntries)
	}
}

func (n *node) each(f func(*node)) {
	f(n)
	for _, child := range n.literals {
		child.each(f)
	}
	if n.capture != nil {
		n.capture.each(f)
	}
}

// walk looks below n; at is where the next segment begins, one more than the path's length when there is none.
func (n *node) walk(at int, r *Request, m *Match) bool {
	if at > len(r.Path) {
		return n.try(n.here, r, m, -1) || n.try(n.rest, r, m, at)
	}
	end := len(r.Path)
	if i := strings.IndexByte(r.Path[at:], '/'); i >= 0 {
		end = at + i
	}
	if child := n.literals[r.Path[at:end]]; child != nil && child.walk(end+1, r, m) {
		return true
	}
	if n.capture != nil && end > at {
		m.captures[m.depth] = span{at, end}
		m.depth++
		if n.capture.walk(end+1, r, m) {
			return true
		}
		m.depth--
	}
	for i := range n.prefixes {
		if p := &n.prefixes[i]; strings.HasPrefix(r.Path[at:], p.text) && n.try(p.entries, r, m, at+len(p.text)) {
			return true
		}
	}
	return n.try(n.rest, r, m, at)
}

// try takes the first entry that wants the request. HEAD goes to a route for GET when none of the same pattern
// names HEAD.
func (n *node) try(entries []*entry, r *Request, m *Match, restAt int) bool {
	for _, e := range entries {
		if e.methods.has(r.Method) && e.wants(r) {
			m.entry, m.restAt = e, restAt
			return true
		}
	}
	for _, e := range entries {
		if !e.wants(r) {
			continue
		}
		if r.Method == http.MethodHead && e.methods.has(http.MethodGet) {
			m.entry, m.restAt = e, restAt
			return true
		}
		m.allowed = append(m.allowed, e.methods.names...)
		if e.methods.has(http.MethodGet) {
			m.allowed = append(m.allowed, http.MethodHead)
		}
	}
	return false
}

// wants tests the conditions but for the method.
func (e *entry) wants(r *Request) bool {
	for _, p := range e.headers {
		values, present := r.Header[p.name]
		if !p.test(values, present) {
			return false
		}
	}
	for _, p := range e.query {
		values, present := r.queryValues()[p.name]
		if !p.test(values, present) {
			return false
		}
	}
	return true
}

// String draws the table, most specific first, for tests and for people.
func (t *Table) String() string {
	var b strings.Builder
	for _, host := range slices.Sorted(maps.Keys(t.exact)) {
		t.draw(&b, host, t.exact[host])
	}
	suffixes := slices.SortedFunc(maps.Keys(t.suffixes), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(b, "."), strings.Count(a, ".")), cmp.Compare(a, b))
	})
	for _, suffix := range suffixes {
		t.draw(&b, "*."+suffix, t.suffixes[suffix])
	}
	t.draw(&b, "any host", t.anyHost)
	return b.String()
}

func (t *Table) draw(b *strings.Builder, host string, root *node) {
	b.WriteString(host + "\n")
	root.draw(b, t, "  /")
}

func (n *node) draw(b *strings.Builder, t *Table, path string) {
	line := func(suffix string, entries []*entry) {
		for _, e := range entries {
			fmt.Fprintf(b, "%s → %s\n", strings.TrimSuffix(path, "/")+suffix, t.routes[e.route].ID)
		}
	}
	line("", n.here)
	for _, text := range slices.Sorted(maps.Keys(n.literals)) {
		n.literals[text].draw(b, t, path+text+"/")
	}
	if n.capture != nil {
		n.capture.draw(b, t, path+"{}/")
	}
	for _, p := range n.prefixes {
		line("/"+p.text+"*", p.entries)
	}
	line("/*", n.rest)
}
