package pathtree

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// The oracle matches in the dumbest way: every pattern of every route against the request, then the documented
// precedence as a sort.

type candidate struct {
	route int
	rank  []int
}

func oracle(routes []Route, r *Request) (Result, int) {
	var found []candidate
	methodMissed := false
	for i, route := range routes {
		for _, host := range orAny(route.Hosts) {
			hostRank, ok := hostMatches(host, r.Host)
			if !ok {
				continue
			}
			for _, path := range orSlash(route.Paths) {
				pathRank, ok := pathMatches(path, r.Path)
				if !ok || !conditionsHold(route, r) {
					continue
				}
				if !methodMatches(route, r) {
					methodMissed = true
					continue
				}
				rank := append(append([]int{hostRank}, pathRank...), -route.Priority, -len(route.Headers)-len(route.Query), i)
				found = append(found, candidate{i, rank})
			}
		}
	}
	if len(found) == 0 {
		if methodMissed {
			return MethodNotAllowed, 0
		}
		return NotFound, 0
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return slices.Compare(a.rank, b.rank) })
	return Found, found[0].route
}

func orAny(hosts []string) []string {
	if len(hosts) == 0 {
		return []string{""}
	}
	return hosts
}

func orSlash(paths []string) []string {
	if len(paths) == 0 {
		return []string{"/*"}
	}
	return paths
}

// hostMatches ranks exact hosts before long suffixes before short ones before none.
func hostMatches(pattern, host string) (int, bool) {
	switch suffix, wild := strings.CutPrefix(pattern, "*"); {
	case pattern == "":
		return 100, true
	case wild:
		return 50 - len(suffix), strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return 0, pattern == host
}

// pathMatches ranks segment by segment.
func pathMatches(pattern, path string) ([]int, bool) {
	rank := make([]int, 12)
	want, got := strings.Split(pattern[1:], "/"), strings.Split(path[1:], "/")
	for i, w := range want {
		switch {
		case w == "*":
			rank[i] = 30
			return rank, len(got) >= i
		case strings.HasSuffix(w, "*"):
			if i >= len(got) || !strings.HasPrefix(got[i], w[:len(w)-1]) {
				return nil, false
			}
			rank[i] = 20 - len(w)
			return rank, true
		case i >= len(got):
			return nil, false
		case strings.HasPrefix(w, "{"):
			if got[i] == "" {
				return nil, false
			}
			rank[i] = 10
		case w != got[i]:
			return nil, false
		}
	}
	return rank, len(want) == len(got)
}

func conditionsHold(route Route, r *Request) bool {
	query, _ := url.ParseQuery(r.RawQuery)
	for name, want := range route.Headers {
		if !holds(r.Header[http.CanonicalHeaderKey(name)], want) {
			return false
		}
	}
	for name, want := range route.Query {
		if !holds(query[name], want) {
			return false
		}
	}
	return true
}

func holds(values []string, want string) bool {
	if want == "*" || want == "!" {
		return (len(values) > 0) == (want == "*")
	}
	return slices.Contains(values, want)
}

func methodMatches(route Route, r *Request) bool {
	return len(route.Methods) == 0 || slices.Contains(route.Methods, r.Method) ||
		(r.Method == http.MethodHead && slices.Contains(route.Methods, http.MethodGet))
}

var (
	someHosts    = []string{"a.test", "b.a.test", "*.test", "*.a.test"}
	somePaths    = []string{"/", "/a", "/a/", "/a/b", "/{x}", "/{x}/b", "/a/{y}", "/a/*", "/*", "/a*", "/ab*", "/{x}/{y}/c", "/a/{y}/*", "/a/b/c"}
	someRequests = []string{"/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/abc/d", "/b", "/b/b", "/x/y/c", "/x/y/z", "/a//"}
	someMethods  = []string{"GET", "POST", "PUT"}
)

func someOf(rnd *rand.Rand, list []string, most int) []string {
	var picked []string
	for range rnd.IntN(most + 1) {
		if s := list[rnd.IntN(len(list))]; !slices.Contains(picked, s) {
			picked = append(picked, s)
		}
	}
	return picked
}

func someTable(rnd *rand.Rand) []Route {
	routes := make([]Route, 1+rnd.IntN(12))
	for i := range routes {
		routes[i] = Route{
			ID: string(rune('A' + i)), Hosts: someOf(rnd, someHosts, 2), Paths: someOf(rnd, somePaths, 2),
			Methods: someOf(rnd, someMethods, 2), Priority: rnd.IntN(3),
		}
		if rnd.IntN(4) == 0 {
			routes[i].Headers = map[string]string{"x-a": []string{"1", "2", "*", "!"}[rnd.IntN(4)]}
		}
		if rnd.IntN(4) == 0 {
			routes[i].Query = map[string]string{"q": []string{"1", "*", "!"}[rnd.IntN(3)]}
		}
	}
	return routes
}

func someRequest(rnd *rand.Rand) *Request {
	r := &Request{
		Host: []string{"a.test", "b.a.test", "c.b.a.test", "x.test", "other"}[rnd.IntN(5)],
		Path: someRequests[rnd.IntN(len(someRequests))], Method: []string{"GET", "POST", "DELETE"}[rnd.IntN(3)], Header: http.Header{},
	}
	if rnd.IntN(2) == 0 {
		r.Header.Set("X-A", []string{"1", "2", "3"}[rnd.IntN(3)])
	}
	if rnd.IntN(2) == 0 {
		r.RawQuery = []string{"q=1", "q=2", "z=1"}[rnd.IntN(3)]
	}
	return r
}

func checkAgainstOracle(t *testing.T, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	routes := someTable(rnd)
	table, err := New(routes)
	if err != nil {
		t.Fatal(err)
	}
	var m Match
	for range 20 {
		r := someRequest(rnd)
		got := table.Match(r, &m)
		want, route := oracle(routes, r)
		if got != want || (got == Found && m.Route != route) {
			t.Fatalf("seed %d: %+v\ngot %v, route %d; want %v, route %d\n%s", seed, r, got, m.Route, want, route, table)
		}
	}
}

func TestAgainstTheOracle(t *testing.T) {
	for seed := range uint64(5000) {
		checkAgainstOracle(t, seed)
	}
}

func FuzzMatch(f *testing.F) {
	for _, seed := range []uint64{1, 42, 1 << 40} {
		f.Add(seed)
	}
	f.Fuzz(checkAgainstOracle)
}

// A shadowed route must be found by no request, and a route that requests find is not shadowed.
func TestShadowsAgainstTheOracle(t *testing.T) {
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		routes := someTable(rnd)
		table, err := New(routes)
		if err != nil {
			t.Fatal(err)
		}
		shadowed := map[int]int{}
		for _, s := range table.Shadowed() {
			shadowed[s.Route] = s.By
		}
		for range 100 {
			if result, route := oracle(routes, someRequest(rnd)); result == Found {
				if by, ok := shadowed[route]; ok {
					t.Fatalf("seed %d: %s is found but said to be shadowed by %s\n%s", seed, routes[route].ID, routes[by].ID, table)
				}
			}
		}
	}
}
