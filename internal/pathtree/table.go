// Package pathtree finds the route of a request.
//
// Precedence, first to last: the host (exact, `*.long.suffix`, `*.suffix`, none), the path segment by segment (literal,
// {capture}, text*, *), the priority (higher first), the number of header and query conditions (more first),
// and the order of the routes. The first candidate in this order whose method and conditions match is the route; so a
// request that a specific route does not want goes on to a more general one.
package pathtree

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Route is one route of a table.
type Route struct {
	ID                    string
	Hosts, Paths, Methods []string
	Headers, Query        map[string]string
	Priority              int
}

// RouteError is a problem of one route.
type RouteError struct {
	Index int
	ID    string
	Err   error
}

func (e *RouteError) Error() string { return fmt.Sprintf("route %q: %v", e.ID, e.Err) }
func (e *RouteError) Unwrap() error { return e.Err }

// entry is a route at the end of one of its patterns.
type entry struct {
	route    int
	priority int
	methods  methodSet
	headers  []predicate
	query    []predicate
	names    []string // of the pattern's captures
}

func (e *entry) conditions() int { return len(e.headers) + len(e.query) }

// Table is all routes of a listener. It does not change once it is made.
type Table struct {
	routes   []Route
	exact    map[string]*node // by host
	suffixes map[string]*node // by what follows `*.`
	anyHost  *node
}

// New builds a table. The error joins a RouteError for each problem.
func New(routes []Route) (*Table, error) {
	t := &Table{routes: routes, exact: map[string]*node{}, suffixes: map[string]*node{}, anyHost: new(node)}
	var problems []error
	seen := map[string]bool{}
	for i := range routes {
		r := &routes[i]
		if seen[r.ID] {
			problems = append(problems, &RouteError{i, r.ID, errors.New("another route has this id: give each its own")})
		}
		seen[r.ID] = true
		for _, err := range t.add(i, r) {
			problems = append(problems, &RouteError{i, r.ID, err})
		}
	}
	t.eachNode((*node).sort)
	return t, errors.Join(problems...)
}

// add puts a route under each of its hosts and paths.
func (t *Table) add(index int, r *Route) (problems []error) {
	base := entry{route: index, priority: r.Priority}
	var err error
	if base.methods, err = newMethodSet(r.Methods); err != nil {
		problems = append(problems, err)
	}
	base.headers = newPredicates(r.Headers, http.CanonicalHeaderKey)
	base.query = newPredicates(r.Query, asWritten)
	paths := r.Paths
	if len(paths) == 0 {
		paths = []string{"/*"}
	}
	roots, errs := t.roots(r.Hosts)
	problems = append(problems, errs...)
	for _, path := range paths {
		p, err := parsePattern(path)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		for _, root := range roots {
			e := base
			e.names = p.names
			root.insert(p, &e)
		}
	}
	return problems
}

// roots finds or makes the trees of the hosts.
func (t *Table) roots(hosts []string) (roots []*node, problems []error) {
	if len(hosts) == 0 {
		return []*node{t.anyHost}, nil
	}
	for _, host := range hosts {
		trees, key := t.exact, strings.ToLower(strings.TrimSuffix(host, "."))
		if suffix, ok := strings.CutPrefix(key, "*."); ok {
			trees, key = t.suffixes, suffix
		}
		if key == "" || strings.ContainsAny(key, "*/ ") || (strings.Contains(key, ":") && !strings.HasPrefix(key, "[")) {
			problems = append(problems, fmt.Errorf("host %q: write a name without a port, such as api.example.com or *.example.com", host))
			continue
		}
		if trees[key] == nil {
			trees[key] = new(node)
		}
		roots = append(roots, trees[key])
	}
	return roots, problems
}

func (t *Table) eachNode(f func(*node)) {
	for _, trees := range []map[string]*node{t.exact, t.suffixes, {"": t.anyHost}} {
		for _, root := range trees {
			root.each(f)
		}
	}
}

// Result says how a lookup ended.
type Result int

// The results.
const (
	NotFound Result = iota
	MethodNotAllowed
	Found
)

// Match is what a lookup found. It may be used again for another lookup.
type Match struct {
	// Route is the index of the route.
	Route int

	path     string
	entry    *entry
	captures [MaxCaptures]span
	depth    int
	restAt   int // where the rest begins; -1 without one
	allowed  []string
}

type span struct{ from, to int }

// Captures calls yield with each capture, in its escaped spelling.
func (m *Match) Captures(yield func(name, value string) bool) {
	for i, name := range m.entry.names {
		if !yield(name, m.path[m.captures[i].from:m.captures[i].to]) {
			return
		}
	}
}

// Rest is what a trailing `*` stands for, in its escaped spelling; ok is false for a pattern without one.
func (m *Match) Rest() (string, bool) {
	if m.restAt < 0 {
		return "", false
	}
	return m.path[min(m.restAt, len(m.path)):], true
}

// Allow lists the methods of the routes that matched but for the method.
func (m *Match) Allow() string { return strings.Join(m.allowed, ", ") }

// Match finds the route of a request. Without conditions on the query it allocates nothing, unless the answer
// is MethodNotAllowed.
func (t *Table) Match(r *Request, m *Match) Result {
	m.path, m.entry, m.depth, m.restAt, m.allowed = r.Path, nil, 0, -1, m.allowed[:0]
	host := normalHost(r.Host)
	if t.matchHost(host, r, m) {
		m.Route = m.entry.route
		return Found
	}
	if len(m.allowed) > 0 {
		slices.Sort(m.allowed)
		m.allowed = slices.Compact(m.allowed)
		return MethodNotAllowed
	}
	return NotFound
}

func (t *Table) matchHost(host string, r *Request, m *Match) bool {
	if root := t.exact[host]; root != nil && root.walk(1, r, m) {
		return true
	}
	if len(t.suffixes) > 0 {
		for rest := host; rest != ""; {
			_, rest, _ = strings.Cut(rest, ".")
			if root := t.suffixes[rest]; root != nil && rest != "" && root.walk(1, r, m) {
				return true
			}
		}
	}
	return t.anyHost.walk(1, r, m)
}

// normalHost is the host without its port and a trailing dot, in lower case.
func normalHost(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func compareEntries(a, b *entry) int {
	return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(b.conditions(), a.conditions()), cmp.Compare(a.route, b.route))
}
