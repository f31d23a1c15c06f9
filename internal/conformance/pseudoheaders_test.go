package conformance

import (
	"net/http"
	"strings"
	"testing"
)

func pseudoHeaders(s *suite) {
	s.check("H-03", 1, ":path has the query and the escaping of the client", func(t *testing.T) {
		g := one(t, "request_headers: get 0 :path")
		g.get(t, "/a%2Fb?x=%20&y")
		g.want(t, `  get 0 :path -> 0 "/a%2Fb?x=%20&y"`)
	})
	s.check("H-04", 1, "host is another name of :authority and no pair of its own", testHostAlias)
	s.check("H-17", 1, "setting :path changes path and query for the upstream", func(t *testing.T) {
		wantUpstream(t, "set 0 :path /x%2Fy/z?q=%20", "GET /x%2Fy/z?q=%20 host=client.test")
	})
	s.check("H-18", 1, "setting :authority changes the host for the upstream", func(t *testing.T) {
		wantUpstream(t, "set 0 :authority other.test:81", "GET /p?q=1 host=other.test:81")
	})
	s.check("H-19", 1, "setting :method changes the method for the upstream", func(t *testing.T) {
		wantUpstream(t, "set 0 :method PURGE", "PURGE /p?q=1 host=client.test")
	})
	s.check("H-20", 2, "setting :scheme is OK, and it can be read again", func(t *testing.T) {
		g := one(t, "request_headers: get 0 :scheme; set 0 :scheme https; get 0 :scheme")
		g.get(t, "/")
		g.want(t, `  get 0 :scheme -> 0 "http"`, "  set 0 :scheme -> 0", `  get 0 :scheme -> 0 "https"`)
	})
	s.check("H-21", 1, ":status can be read and replaced; what is no status is ignored with OK", testStatusHeader)
	s.check("H-22", 2, "removing a pseudo header is OK, does nothing and leaves a warning", func(t *testing.T) {
		g := one(t, "request_headers: del 0 :path; del 0 :method; get 0 :path", "response_headers: del 2 :status; get 2 :status")
		g.get(t, "/p")
		g.want(t, "  del 0 :path -> 0", "  del 0 :method -> 0", `  get 0 :path -> 0 "/p"`, "  del 2 :status -> 0", `  get 2 :status -> 0 "200"`)
		if why := g.reasons(); len(why) != 1 || !strings.Contains(why[0], "pseudo header cannot be removed") {
			t.Errorf("warnings %q", why)
		}
	})
	s.check("H-23", 2, "add on a pseudo header replaces it", func(t *testing.T) {
		wantUpstream(t, "add 0 :path /other; add 0 :method POST; add 0 :authority h", "POST /other host=h")
		g := one(t, "response_headers: add 2 :status 201")
		if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusCreated {
			t.Errorf("%+v", a)
		}
	})
}

// wantUpstream sends GET /p?q=1 to client.test through a plugin.
func wantUpstream(t *testing.T, commands, want string) {
	t.Helper()
	g := serve(t, setup{plugins: probes("request_headers: " + commands), backend: upstreamed(t, echo)})
	got := g.raw(t, "GET /p?q=1 HTTP/1.1\r\nHost: client.test\r\nConnection: close\r\n\r\n")
	if _, body, _ := strings.Cut(got, "\r\n\r\n"); !strings.Contains(body, want+" x-a=") {
		t.Errorf("%s: upstream got %q, want %q", commands, body, want)
	}
}

func testHostAlias(t *testing.T) {
	g := one(t, "request_headers: get 0 host; get 0 HOST; pairs 0; del 0 host; get 0 host; set 0 host h.test; get 0 :authority; pairs 0")
	a := g.get(t, "/")
	address := g.Listener.Addr().String()
	g.want(t, `  get 0 host -> 0 "`+address+`"`, `  get 0 HOST -> 0 "`+address+`"`, "  del 0 host -> 0",
		"  set 0 host -> 0", `  get 0 :authority -> 0 "h.test"`)
	if last := g.find("  get 0 host"); len(last) != 2 || last[0] != last[1] {
		t.Errorf("removing host, as removing :authority, does nothing: %q", last)
	}
	for _, line := range g.find("  pairs 0") {
		if strings.Contains(line, " host=") {
			t.Errorf("host is listed beside :authority: %s", line)
		}
	}
	if !strings.Contains(a.body, "host=h.test") {
		t.Errorf("the next handler got %s", a.body)
	}
}

func testStatusHeader(t *testing.T) {
	for value, want := range map[string]int{
		"201": 201, "418": 418, "599": 599, "299": 299,
		"abc": 200, "99": 200, "-1": 200, "1000": 200, `""`: 200, "100": 200, `"2 0"`: 200,
	} {
		g := one(t, "response_headers: get 2 :status; set 2 :status "+value)
		if a := g.do(t, http.MethodGet, "/", nil); a.status != want {
			t.Errorf(":status %s gave %d, want %d", value, a.status, want)
		}
		g.want(t, `  get 2 :status -> 0 "200"`, "  set 2 :status -> 0")
	}
	g := one(t, "response_headers: set 2 :status 204")
	a := g.do(t, http.MethodGet, "/", nil)
	if a.status != http.StatusNoContent || a.body != "" || a.header.Get("Content-Length") != "" {
		t.Errorf("a status without a body: %+v", a)
	}
	g.ended(t, 1)
}
