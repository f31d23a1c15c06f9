package pathtree

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// predicate is a condition on a header or a query parameter.
type predicate struct {
	name string
	test func(values []string, present bool) bool
	text string // as written, to compare predicates
}

// newPredicate reads an exact value, `*` (present), `!` (absent), `text*` or `*text`.
func newPredicate(name, want string) predicate {
	p := predicate{name: name, text: name + "=" + want}
	anyValue := func(ok func(string) bool) func([]string, bool) bool {
		return func(values []string, _ bool) bool { return slices.ContainsFunc(values, ok) }
	}
	switch {
	case want == "*":
		p.test = func(_ []string, present bool) bool { return present }
	case want == "!":
		p.test = func(_ []string, present bool) bool { return !present }
	case strings.HasSuffix(want, "*"):
		p.test = anyValue(func(v string) bool { return strings.HasPrefix(v, want[:len(want)-1]) })
	case strings.HasPrefix(want, "*"):
		p.test = anyValue(func(v string) bool { return strings.HasSuffix(v, want[1:]) })
	default:
		p.test = anyValue(func(v string) bool { return v == want })
	}
	return p
}

func newPredicates(conditions map[string]string, canonical func(string) string) []predicate {
	var list []predicate
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		list = append(list, newPredicate(canonical(name), conditions[name]))
	}
	return list
}

func asWritten(name string) string { return name }

// methodSet is a set of methods; the zero value has all.
type methodSet struct{ names []string }

func newMethodSet(methods []string) (methodSet, error) {
	for _, m := range methods {
		if m == "" || m != strings.ToUpper(m) || strings.ContainsAny(m, " \t,;") {
			return methodSet{}, fmt.Errorf("method %q: write it in capitals, such as GET", m)
		}
	}
	sorted := slices.Clone(methods)
	slices.Sort(sorted)
	return methodSet{slices.Compact(sorted)}, nil
}

func (s methodSet) all() bool { return len(s.names) == 0 }

func (s methodSet) has(method string) bool {
	if s.all() {
		return true
	}
	for _, name := range s.names { // a handful: faster than a map
		if name == method {
			return true
		}
	}
	return false
}

func (s methodSet) covers(other methodSet) bool {
	if s.all() || other.all() {
		return s.all()
	}
	return !slices.ContainsFunc(other.names, func(m string) bool { return !s.has(m) && (m != http.MethodHead || !s.has(http.MethodGet)) })
}

// Request is what a table looks at. Path is the escaped path in its clean spelling.
type Request struct {
	Host, Path, Method, RawQuery string
	Header                       http.Header
	query                        url.Values
}

func (r *Request) queryValues() url.Values {
	if r.query == nil {
		r.query, _ = url.ParseQuery(r.RawQuery) // what cannot be parsed is not there
	}
	return r.query
}
