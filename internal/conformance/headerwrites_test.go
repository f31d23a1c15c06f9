package conformance

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

// headersOf answers with the values of x-a, a line each, as a server behind the gateway sees them.
func headersOf(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Join(r.Header.Values(name), "\n"))
	}
}

func writingHeaders(s *suite) {
	s.check("H-10", 1, "add appends a value, and the upstream gets all of them", func(t *testing.T) {
		g := serve(t, setup{plugins: probes("request_headers: add 0 x-a 2; add 0 X-A 3"), backend: upstreamed(t, headersOf("X-A"))})
		if a := g.get(t, "/", "X-A", "1"); a.body != "1\n2\n3" {
			t.Errorf("upstream got %q", a.body)
		}
	})
	s.check("H-11", 1, "replace removes all values, makes a header that was missing, and takes an empty value", testReplaceHeader)
	s.check("H-12", 1, "remove deletes all values; a missing name is OK", func(t *testing.T) {
		g := serve(t, setup{plugins: probes("request_headers: del 0 X-A; del 0 x-missing"), backend: upstreamed(t, headersOf("X-A"))})
		if a := g.get(t, "/", "X-A", "1", "X-A", "2"); a.body != "" {
			t.Errorf("upstream got %q", a.body)
		}
		g.want(t, "  del 0 X-A -> 0", "  del 0 x-missing -> 0")
	})
	s.check("H-13", 1, "setting the pairs replaces the map; pseudo headers that are not given stay", func(t *testing.T) {
		g := serve(t, setup{plugins: probes("request_headers: setpairs 0 x-new=1; pairs 0"), backend: upstreamed(t, echo)})
		a := g.get(t, "/p", "X-Old", "1", "Accept-Encoding", "identity")
		g.want(t, `  pairs 0 -> 0 5 :authority="`+g.Listener.Addr().String()+`" :path="/p" :method="GET" :scheme="http" x-new="1"`)
		if !strings.HasPrefix(a.body, "GET /p host="+g.Listener.Addr().String()) {
			t.Errorf("upstream got %s", a.body)
		}
	})
	s.check("H-14", 1, "setting the pairs keeps duplicates", func(t *testing.T) {
		g := one(t, "response_headers: setpairs 2 :status=200,set-cookie=a,x=y,set-cookie=b")
		if a := g.get(t, "/"); !slices.Equal(a.header.Values("Set-Cookie"), []string{"a", "b"}) {
			t.Errorf("%v", a.header)
		}
	})
	s.check("H-26", 1, "changes of response headers reach the client", func(t *testing.T) {
		g := one(t, "response_headers: set 2 x-backend no; add 2 x-more 1; del 2 x-gone; get 2 x-backend")
		if a := g.get(t, "/"); a.header.Get("X-Backend") != "no" || a.header.Get("X-More") != "1" {
			t.Errorf("%v", a.header)
		}
		g.want(t, `  get 2 x-backend -> 0 "no"`)
	})
	s.check("H-32", 2, "the next plugin sees what an earlier one wrote", func(t *testing.T) {
		first := probe("request_headers: set 0 x-a from-first\nresponse_headers: get 2 x-b")
		second := probe("request_headers: get 0 x-a\nresponse_headers: set 2 x-b from-second")
		first.Name, second.Name = "first", "second"
		g := serve(t, setup{plugins: []plugin.Spec{first, second}})
		g.get(t, "/")
		g.want(t, `  get 0 x-a -> 0 "from-first"`, `  get 2 x-b -> 0 "from-second"`)
	})
}

func testReplaceHeader(t *testing.T) {
	for _, tc := range []struct{ script, want string }{
		{"set 0 x-a new", "new"},
		{`set 0 x-a ""; get 0 x-a`, ""},
		{"del 0 x-a; set 0 x-a made", "made"},
	} {
		var values []string
		g := serve(t, setup{plugins: probes("request_headers: " + tc.script), backend: upstreamed(t, func(_ http.ResponseWriter, r *http.Request) {
			values = r.Header.Values("X-A")
		})})
		g.get(t, "/", "X-A", "1", "X-A", "2")
		if !slices.Equal(values, []string{tc.want}) {
			t.Errorf("%s: upstream got %q", tc.script, values)
		}
	}
}
