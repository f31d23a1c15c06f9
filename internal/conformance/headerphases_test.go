package conformance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
)

// like sets the host that a plugin was built for.
func like(p proxywasm.Profile) func(*plugin.Spec) {
	return func(s *plugin.Spec) { s.Profile = p }
}

func headersByPhase(s *suite) {
	s.check("H-27", 2, "the request's headers can be read in response callbacks and in on_log", func(t *testing.T) {
		g := one(t, "response_headers: get 0 x-a", "response_body: get 0 X-A", "log: get 0 x-a; pairs 0")
		g.get(t, "/", "X-A", "1")
		g.ended(t, 1)
		if found := append(g.find(`  get 0 x-a -> 0 "1"`), g.find(`  get 0 X-A -> 0 "1"`)...); len(found) < 3 {
			t.Errorf("%q", g.log())
		}
		g.want(t, "  pairs 0 -> 0")
	})
	s.check("H-28", 2, "on_log reads the response's headers and trailers, and no trailers of the request", func(t *testing.T) {
		g := serve(t, setup{plugins: probes("log: get 2 x-backend; get 2 :status; get 3 x-t; get 1 x-rt; pairs 1"), backend: trailing})
		g.get(t, "/")
		g.ended(t, 1)
		g.want(t, `  get 2 x-backend -> 0 "yes"`, `  get 2 :status -> 0 "200"`, `  get 3 x-t -> 0 "late"`, `  get 1 x-rt -> 1 ""`, "  pairs 1 -> 0 0")
	})
	s.check("H-29", 1, "a map that there is not now is empty, and has no values", testAbsentMaps)
	s.check("H-33", 2, "writes to headers that went on are dropped with OK and a warning; BAD_ARGUMENT in profile envoy", testForwardedWrites)
}

func trailing(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Backend", "yes")
	w.Header().Set("Trailer", "X-T")
	_, _ = w.Write([]byte("body"))
	w.Header().Set("X-T", "late")
}

func testAbsentMaps(t *testing.T) {
	const script = "request_headers: pairs 2; get 2 x; pairs 3; pairs 4; pairs 6; get 6 x; get 7 x\ntick: pairs 0; get 0 x"
	for profile, want := range map[proxywasm.Profile][]string{
		proxywasm.ProfileLoom:   {"  pairs 2 -> 0 0", `  get 2 x -> 1 ""`, "  pairs 3 -> 0 0", "  pairs 4 -> 0 0", "  pairs 6 -> 0 0", `  get 6 x -> 1 ""`, `  get 7 x -> 1 ""`},
		proxywasm.ProfileEnvoy:  {"  pairs 2 -> 0 0", `  get 2 x -> 2 ""`, "  pairs 6 -> 0 0", `  get 6 x -> 2 ""`},
		proxywasm.ProfileGoogle: {"  pairs 2 -> 2", `  get 2 x -> 2 ""`},
	} {
		g := serve(t, setup{plugins: probes(script, like(profile))})
		g.get(t, "/")
		g.want(t, want...)
	}
	g := one(t, "configure: tick 10; pairs 0; get 0 x; add 0 x y", "tick: tick 0; pairs 0; get 0 x")
	g.await(t, 2, `  get 0 x -> 1 ""`)
	g.want(t, "  add 0 x -> 0")
	if found := g.find("  pairs 0 -> 0 0"); len(found) != 2 {
		t.Errorf("%q", g.log())
	}
}

func testForwardedWrites(t *testing.T) {
	const script = "response_headers: set 0 x-a late; add 0 x-a late; del 0 x-a; setpairs 0 x=y; get 0 x-a\nlog: get 0 x-a; set 2 x-b 1"
	var seen string
	backend := func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Get("X-A") }
	g := serve(t, setup{plugins: probes(script), backend: backend})
	g.get(t, "/", "X-A", "1")
	g.ended(t, 1)
	g.want(t, "  set 0 x-a -> 0", "  add 0 x-a -> 0", "  del 0 x-a -> 0", "  setpairs 0 x=y -> 0", `  get 0 x-a -> 0 "1"`, "  set 2 x-b -> 0")
	if countContaining(g.reasons(), "cannot be changed in this phase") == 0 {
		t.Errorf("warnings %q", g.reasons())
	}
	strict := serve(t, setup{plugins: probes(script, like(proxywasm.ProfileEnvoy)), backend: backend})
	strict.get(t, "/", "X-A", "1")
	strict.ended(t, 1)
	strict.want(t, "  set 0 x-a -> 2", "  add 0 x-a -> 2", "  del 0 x-a -> 2", "  setpairs 0 x=y -> 2", `  get 0 x-a -> 2 ""`, `  get 0 x-a -> 0 "1"`)
	if seen != "1" {
		t.Errorf("the next handler got %q", seen)
	}
	if a := serve(t, setup{plugins: probes("request_headers: set 2 x-later yes; add 2 x-later 2", like(proxywasm.ProfileKong))}).get(t, "/"); strings.Join(a.header.Values("X-Later"), ",") != "yes,2" {
		t.Errorf("profile kong: response headers from a request callback: %v", a.header)
	}
}
