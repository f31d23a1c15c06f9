package httpfilter

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/shared"
	"github.com/loom-gateway/loom/internal/upstream"
)

func headers(read, write []string) func(*plugin.Spec) {
	return func(s *plugin.Spec) { s.Allow.Headers = proxywasm.HeaderAccess{Read: read, Write: write} }
}

// What a plugin must not read is not there, under no name; the count that it is told says nothing of it either.
func TestHeadersThatMayNotBeRead(t *testing.T) {
	const cel = `foreign expr_create "request.headers['authorization']"; foreign expr_evaluate $val`
	g := serve(t, `request_headers: get 0 authorization; get 0 X-A; get 0 :path; get 0 host; size 0; pairs 0; prop request.headers.authorization; prop request.headers.x-a; prop request.path; prop request.headers; prop x_request_id; set 0 authorization none; `+cel+`
response_headers: pairs 2; prop response.code`, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Saw", r.Header.Get("Authorization"))
		echo(w, r)
	}, headers([]string{"X-A", ":authority", "x-b*"}, nil))
	a := g.do(t, "GET", "/secret", nil, "Authorization", "Bearer s3cret", "X-A", "1", "X-Bcd", "2", "X-Request-Id", "id-7")
	if a.status != 200 || a.header.Get("X-Saw") != "none" {
		t.Errorf("%d %v", a.status, a.header)
	}
	for _, want := range []string{
		"> request_headers ctx=2 3", "  get 0 authorization -> 1", `  get 0 X-A -> 0 "1"`, "  get 0 :path -> 1", "  get 0 host -> 0 \"127.0.0.1",
		"  prop request.headers.authorization -> 1", `  prop request.headers.x-a -> 0 "1"`, "  prop request.path -> 1", "  prop x_request_id -> 1", "  prop response.code -> 1",
	} {
		g.logged(t, want)
	}
	for _, e := range g.logs.All() {
		for _, secret := range []string{"s3cret", "id-7"} {
			if strings.HasPrefix(e.Message, "probe: ") && strings.Contains(e.Message, secret) {
				t.Errorf("seen: %s", e.Message)
			}
		}
	}
	if n := g.plugin.Stats().Denials[proxywasm.DeniedHeaderRead]; n < 6 {
		t.Errorf("%d denials", n)
	}
	if g.logs.FilterMessage("a hostcall of the plugin failed").Len() == 0 {
		t.Error("no word of it in the log")
	}
}

// What a plugin must not change stays as it is, also when it replaces the whole map, and every SDK survives the answer.
func TestHeadersThatMayNotBeChanged(t *testing.T) {
	for _, tc := range []struct{ name, script string }{
		{"one by one", `request_headers: set 0 authorization evil; add 0 x-other 1; del 0 authorization; set 0 :path /evil; set 0 x-a 2`},
		{"all", `request_headers: setpairs 0 ":path=/evil,authorization=evil,x-other=1,x-a=2"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := serve(t, tc.script, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Saw", r.Header.Get("Authorization")+r.Header.Get("X-Other"))
				echo(w, r)
			}, headers(nil, []string{"x-a"}))
			a := g.do(t, "GET", "/p", nil, "Authorization", "mine", "X-A", "1")
			if a.header.Get("X-Saw") != "mine" || !strings.HasPrefix(a.body, "GET /p ") || !strings.Contains(a.body, `x-a=["2"]`) {
				t.Errorf("%v %q", a.header, a.body)
			}
			if n := g.plugin.Stats().Denials[proxywasm.DeniedHeaderWrite]; n < 1 {
				t.Errorf("%d denials", n)
			}
			if n := g.plugin.Stats().Traps; n != 0 {
				t.Errorf("%d traps", n)
			}
		})
	}
}

// A plugin that reads all that it sees, and hands back what it made of it, does not lose what it did not see.
func TestReplacingAMapInPart(t *testing.T) {
	g := serve(t, `request_headers: setpairs 0 x-a=2`, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Saw", r.Header.Get("Authorization")+r.Header.Get("X-B"))
		echo(w, r)
	}, headers([]string{"x-a", "x-b"}, nil))
	if a := g.do(t, "GET", "/p", nil, "Authorization", "mine", "X-A", "1", "X-B", "gone"); a.header.Get("X-Saw") != "mine" || !strings.Contains(a.body, `x-a=["2"]`) {
		t.Errorf("%v %q", a.header, a.body)
	}
}

func TestNoHeadersAtAll(t *testing.T) {
	g := serve(t, "request_headers: pairs 0; set 0 x-a 2; get 0 x-a", echo, headers([]string{}, []string{}))
	if a := g.do(t, "GET", "/p", nil, "X-A", "1"); !strings.Contains(a.body, `x-a=["1"]`) {
		t.Errorf("%q", a.body)
	}
	g.logged(t, "> request_headers ctx=2 0")
	g.logged(t, "  get 0 x-a -> 1")
}

func TestBadHeaderPattern(t *testing.T) {
	for _, pattern := range []string{"", "x-*-y", "a b", "*x"} {
		_, err := plugin.Open(t.Context(), probeWith(t, headers([]string{pattern}, nil)), plugin.Deps{Shared: shared.NewStore()})
		if err == nil || !strings.Contains(err.Error(), "allow.headers.read: ") {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

// Only the upstreams of the list can be called, whatever else the config has.
func TestUpstreamsThatMayNotBeCalled(t *testing.T) {
	const script = `request_headers: http auth ":method=GET,:path=/,:authority=x"; http outbound|80||users ":method=GET,:path=/,:authority=x"; grpc users s m x`
	g := serve(t, script, echo, func(s *plugin.Spec) { s.Allow.Upstreams = []string{"auth"} })
	u, err := upstream.New(upstream.Settings{Name: "any", Endpoints: []upstream.EndpointSettings{{Address: "127.0.0.1:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	g.plugin.SetUpstreams(func(name string) (*upstream.Upstream, error) {
		if name != "auth" && name != "users" {
			return nil, errors.New("unknown upstream")
		}
		return u, nil
	})
	g.do(t, "GET", "/", nil)
	g.logged(t, "  http auth :method=GET,:path=/,:authority=x -> 0")
	g.logged(t, "  http outbound|80||users :method=GET,:path=/,:authority=x -> 2")
	if n := g.plugin.Stats().Denials[proxywasm.DeniedUpstream]; n != 2 {
		t.Errorf("%d denials, want those of HTTP and gRPC", n)
	}
}
