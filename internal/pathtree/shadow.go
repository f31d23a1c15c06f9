package pathtree

import "slices"

// Shadow is a route that no request can reach.
type Shadow struct {
	// Route is the index of the route, By of the one that takes all of its requests (of its first pattern, when
	// several do).
	Route, By int
}

// Shadowed finds the routes whose every pattern is also another route's that is tried before and wants at least the
// same requests.
func (t *Table) Shadowed() []Shadow {
	patterns := make([]int, len(t.routes)) // how many places a route has
	covered := make([][]int, len(t.routes))
	look := func(entries []*entry) {
		for i, e := range entries {
			patterns[e.route]++
			if by := slices.IndexFunc(entries[:i], func(first *entry) bool { return first.covers(e) }); by >= 0 {
				covered[e.route] = append(covered[e.route], entries[by].route)
			}
		}
	}
	t.eachNode(func(n *node) {
		look(n.here)
		look(n.rest)
		for _, p := range n.prefixes {
			look(p.entries)
		}
	})
	var found []Shadow
	for route, by := range covered {
		if len(by) > 0 && len(by) == patterns[route] {
			found = append(found, Shadow{route, slices.Min(by)})
		}
	}
	return found
}

// covers reports whether e takes every request that other, at the same place, would take.
func (e *entry) covers(other *entry) bool {
	return e.methods.covers(other.methods) && among(e.headers, other.headers) && among(e.query, other.query)
}

// among reports whether all conditions of a are among b's.
func among(a, b []predicate) bool {
	for _, p := range a {
		if !slices.ContainsFunc(b, func(q predicate) bool { return q.text == p.text }) {
			return false
		}
	}
	return true
}
