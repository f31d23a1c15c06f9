package pathtree

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
)

func mustTable(t testing.TB, routes ...Route) *Table {
	t.Helper()
	table, err := New(routes)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestTree(t *testing.T) {
	table := mustTable(t,
		Route{ID: "all"},
		Route{ID: "files", Paths: []string{"/files/*", "/v1*"}},
		Route{ID: "user", Paths: []string{"/users/{id}"}},
		Route{ID: "me", Paths: []string{"/users/me"}},
		Route{ID: "posts", Paths: []string{"/users/{name}/posts"}},
		Route{ID: "urgent", Paths: []string{"/users/{id}"}, Priority: 9},
		Route{ID: "host", Hosts: []string{"API.example.com.", "*.example.com"}, Paths: []string{"/"}},
	)
	want := `api.example.com
  / → host
*.example.com
  / → host
any host
  /files/* → files
  /users/me → me
  /users/{} → urgent
  /users/{} → user
  /users/{}/posts → posts
  /v1* → files
  /* → all
`
	if got := table.String(); got != want {
		t.Errorf("the tree is\n%s\nwant\n%s", got, want)
	}
}

func TestCaptures(t *testing.T) {
	table := mustTable(t,
		Route{ID: "a", Paths: []string{"/users/{id}/files/*"}},
		Route{ID: "b", Paths: []string{"/users/{name}/x"}},
		Route{ID: "c", Paths: []string{"/v*"}},
	)
	for _, tc := range []struct{ path, id, rest, captures string }{
		{"/users/7/files/a/b", "a", "a/b", "map[id:7]"},
		{"/users/7/files", "a", "", "map[id:7]"},
		{"/users/a%2Fb/x", "b", "", "map[name:a%2Fb]"},
		{"/v12/x", "c", "12/x", "map[]"},
	} {
		var m Match
		if table.Match(&Request{Path: tc.path, Method: "GET"}, &m) != Found {
			t.Errorf("%s: not found", tc.path)
			continue
		}
		rest, _ := m.Rest()
		if got := fmt.Sprint(maps.Collect(m.Captures)); table.routes[m.Route].ID != tc.id || rest != tc.rest || got != tc.captures {
			t.Errorf("%s: route %s, rest %q, captures %s", tc.path, table.routes[m.Route].ID, rest, got)
		}
	}
}

func TestMethods(t *testing.T) {
	table := mustTable(t,
		Route{ID: "get", Paths: []string{"/a"}, Methods: []string{"GET"}},
		Route{ID: "post", Paths: []string{"/a"}, Methods: []string{"POST"}},
		Route{ID: "both", Paths: []string{"/b"}, Methods: []string{"GET"}},
		Route{ID: "head", Paths: []string{"/b"}, Methods: []string{"HEAD"}},
		Route{ID: "general", Paths: []string{"/c/*"}, Methods: []string{"POST"}},
		Route{ID: "special", Paths: []string{"/c/d"}, Methods: []string{"GET"}},
	)
	for _, tc := range []struct {
		method, path, want string
	}{
		{"GET", "/a", "get"},
		{"POST", "/a", "post"},
		{"HEAD", "/a", "get"},
		{"HEAD", "/b", "head"},
		{"POST", "/c/d", "general"},
		{"PUT", "/a", "405 GET, HEAD, POST"},
		{"GET", "/c/x", "405 POST"},
		{"GET", "/d", "404"},
	} {
		var m Match
		got := ""
		switch table.Match(&Request{Path: tc.path, Method: tc.method}, &m) {
		case Found:
			got = table.routes[m.Route].ID
		case MethodNotAllowed:
			got = "405 " + m.Allow()
		case NotFound:
			got = "404"
		}
		if got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.method, tc.path, got, tc.want)
		}
	}
}

func TestHosts(t *testing.T) {
	table := mustTable(t,
		Route{ID: "exact", Hosts: []string{"a.example.com"}},
		Route{ID: "near", Hosts: []string{"*.b.example.com"}},
		Route{ID: "far", Hosts: []string{"*.example.com"}},
		Route{ID: "v6", Hosts: []string{"[::1]"}},
		Route{ID: "any"},
	)
	for host, want := range map[string]string{
		"a.example.com": "exact", "A.Example.COM.:8080": "exact", "x.b.example.com": "near", "x.y.b.example.com": "near",
		"b.example.com": "far", "example.com": "any", "": "any", "[::1]:80": "v6", "evil-example.com": "any",
	} {
		var m Match
		if table.Match(&Request{Host: host, Path: "/", Method: "GET"}, &m) != Found || table.routes[m.Route].ID != want {
			t.Errorf("%q went to %s, want %s", host, table.routes[m.Route].ID, want)
		}
	}
}

func TestRefusedRoutes(t *testing.T) {
	for _, tc := range []struct {
		route Route
		want  string
	}{
		{Route{Paths: []string{"api"}}, `begin it with a slash: "/api"`},
		{Route{Paths: []string{"/a/*/b"}}, "only at the very end"},
		{Route{Paths: []string{"/a/x*y"}}, "only at the very end"},
		{Route{Paths: []string{"/a/{id"}}, "a capture is a whole segment"},
		{Route{Paths: []string{"/a/x{id}"}}, "a capture is a whole segment"},
		{Route{Paths: []string{"/a/{}"}}, "name a capture"},
		{Route{Paths: []string{"/{a}/{a}"}}, "stands twice"},
		{Route{Paths: []string{"/a//b"}}, "doubled slash"},
		{Route{Paths: []string{"/a/../b"}}, "climbs above the root"},
		{Route{Paths: []string{"/a/./b"}}, "dot segment"},
		{Route{Paths: []string{strings.Repeat("/{x}", 1) + "/" + manyCaptures()}}, "the most is 16"},
		{Route{Methods: []string{"get"}}, "write it in capitals"},
		{Route{Hosts: []string{"a.com:80"}}, "without a port"},
		{Route{Hosts: []string{"a.*.com"}}, "such as api.example.com"},
	} {
		if _, err := New([]Route{tc.route}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want it to contain %q", tc.route, err, tc.want)
		}
	}
	if _, err := New([]Route{{ID: "x"}, {ID: "x"}}); err == nil || !strings.Contains(err.Error(), "another route has this id") {
		t.Errorf("duplicate ids: %v", err)
	}
}

func manyCaptures() string {
	names := make([]string, MaxCaptures)
	for i := range names {
		names[i] = fmt.Sprintf("{c%d}", i)
	}
	return strings.Join(names, "/")
}

func TestShadowed(t *testing.T) {
	table := mustTable(t,
		Route{ID: "0", Paths: []string{"/a", "/b"}},
		Route{ID: "1", Paths: []string{"/a"}, Methods: []string{"GET"}},
		Route{ID: "2", Paths: []string{"/a", "/c"}},
		Route{ID: "3", Paths: []string{"/u/{id}"}, Headers: map[string]string{"x": "1"}},
		Route{ID: "4", Paths: []string{"/u/{name}"}, Headers: map[string]string{"x": "1"}, Query: map[string]string{"q": "1"}, Priority: -1},
	)
	if got := fmt.Sprint(table.Shadowed()); got != "[{1 0} {4 3}]" {
		t.Errorf("shadowed %s", got)
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	table := bigTable(t, 1000)
	var m Match
	r := &Request{Host: "api.example.com", Path: "/service500/users/42", Method: "GET", Header: http.Header{}}
	if n := testing.AllocsPerRun(100, func() { table.Match(r, &m) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func bigTable(t testing.TB, n int) *Table {
	routes := make([]Route, n)
	for i := range routes {
		path := [...]string{"/service%d/status", "/service%d/users/{id}", "/service%d/*"}[i%3]
		routes[i] = Route{ID: fmt.Sprint(i), Paths: []string{fmt.Sprintf(path, i/3)}, Methods: []string{"GET"}}
	}
	return mustTable(t, routes...)
}

// BenchmarkMatch looks up each kind of route in tables of 10 and of 10,000 routes.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		table := bigTable(b, n)
		for kind, path := range map[string]string{"static": "/service2/status", "capture": "/service2/users/42", "rest": "/service2/a/b/c"} {
			b.Run(fmt.Sprintf("%s/routes=%d", kind, n), func(b *testing.B) {
				var m Match
				r := &Request{Host: "api.example.com", Path: path, Method: "GET", Header: http.Header{}}
				b.ReportAllocs()
				for b.Loop() {
					if table.Match(r, &m) != Found {
						b.Fatal("not found")
					}
				}
			})
		}
	}
}
