package router_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/moduletest"
)

func init() {
	for _, name := range []string{"mark_a", "mark_b", "loom_cors", "loom_rate_limit"} {
		caddy.RegisterModule(mark{name: name})
	}
	caddy.RegisterModule(preflighter{})
}

// mark is middleware that leaves its sign, and what it knows of the request, on the response.
type mark struct {
	Sign string `json:"sign,omitempty"`
	name string
}

func (m mark) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID("http.handlers." + m.name), New: func() caddy.Module { return &mark{name: m.name} }}
}

func (m *mark) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	id := "none"
	if route := gateway.VarsOf(r.Context()).Route(); route != nil {
		id = route.ID
	}
	w.Header().Add("Trail", m.name+m.Sign+" "+id+" "+r.URL.Path)
	return next.ServeHTTP(w, r)
}

// preflighter stands for a handler of cross-origin requests.
type preflighter struct{}

func (preflighter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.preflighter", New: func() caddy.Module { return new(preflighter) }}
}

func (preflighter) AnswersPreflights() {}

func (preflighter) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		w.Header().Set("Preflighted", gateway.VarsOf(r.Context()).Route().ID)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return next.ServeHTTP(w, r)
}

func withMiddleware(middleware string, list ...string) string {
	return `{"handler":"loom_router","middleware":[` + middleware + `],"routes":[` + strings.Join(list, ",") + `]}`
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	const end = `"handle":[{"handler":"static_response"}]`
	c := moduletest.Provision(t, moduletest.HTTP(`{}`, withMiddleware(
		`{"handler":"mark_a"},{"handler":"mark_b"},{"handler":"loom_rate_limit"}`,
		`{"id":"all","paths":["/all"],"methods":["GET"],"rewrite":"/new",`+end+`}`,
		`{"id":"some","paths":["/some"],"without":["loom_rate_limit","mark_a"],`+end+`}`,
		`{"id":"none","paths":["/none"],"without":["loom_rate_limit","mark_a","mark_b"],`+end+`}`,
		`{"id":"own","paths":["/own"],"middleware":[{"handler":"mark_a","sign":"!"}],`+end+`}`,
		`{"id":"ordered","paths":["/ordered"],"middleware":[{"handler":"loom_cors"}],"without":["mark_a"],`+end+`}`,
		`{"id":"last","paths":["/last"],"without":["mark_a","loom_rate_limit"],"middleware":[{"handler":"mark_a"}],`+end+`}`,
		`{"id":"handler","paths":["/handler"],"rewrite":"/new","handle":[{"handler":"mark_a","sign":"!"},{"handler":"static_response"}]}`,
	)))
	for _, tc := range []struct {
		method, target string
		status         int
		trail          string
	}{
		{"GET", "/all", 200, "mark_a all /all, mark_b all /all, loom_rate_limit all /all"},
		{"GET", "/x/../all", 200, "mark_a all /all, mark_b all /all, loom_rate_limit all /all"},
		{"GET", "/some", 200, "mark_b some /some"},
		{"GET", "/none", 200, ""},
		{"GET", "/own", 200, "mark_a! own /own, mark_b own /own, loom_rate_limit own /own"},
		{"GET", "/ordered", 200, "mark_b ordered /ordered, loom_cors ordered /ordered, loom_rate_limit ordered /ordered"},
		{"GET", "/last", 200, "mark_b last /last, mark_a last /last"},
		{"GET", "/handler", 200, "mark_a handler /handler, mark_b handler /handler, loom_rate_limit handler /handler, mark_a! handler /new"},
		{"GET", "/missing", 404, "mark_a none /missing, mark_b none /missing, loom_rate_limit none /missing"},
		{"POST", "/all", 405, "mark_a none /all, mark_b none /all, loom_rate_limit none /all"},
		{"GET", "/all%2f", 400, "mark_a none /all/, mark_b none /all/, loom_rate_limit none /all/"},
	} {
		res, _ := ask(t, c, tc.method, tc.target)
		if trail := strings.Join(res.Header["Trail"], ", "); res.StatusCode != tc.status || trail != tc.trail {
			t.Errorf("%s %s: %d %q, want %d %q", tc.method, tc.target, res.StatusCode, trail, tc.status, tc.trail)
		}
	}
}

// A router inside a route has runs and middleware of its own, and gives back to the route around it.
func TestRouterInARoute(t *testing.T) {
	t.Parallel()
	inner := withMiddleware(`{"handler":"mark_b"}`, `{"id":"inner","paths":["/a/b"],"handle":[{"handler":"mark_b","sign":"!"}]}`)
	c := moduletest.Provision(t, moduletest.HTTP(`{}`, withMiddleware(`{"handler":"mark_a"}`,
		`{"id":"outer","paths":["/a/*"],"handle":[`+inner+`,{"handler":"mark_a","sign":"!"},{"handler":"static_response","status_code":418}]}`)))
	res, _ := ask(t, c, "GET", "/a/b")
	want := "mark_a outer /a/b, mark_b inner /a/b, mark_b! inner /a/b, mark_a! inner /a/b"
	if trail := strings.Join(res.Header["Trail"], ", "); res.StatusCode != 418 || trail != want {
		t.Errorf("%d %q, want 418 %q", res.StatusCode, trail, want)
	}
}

// A preflight goes to the route of the request that it announces; never past a route that allows none.
func TestPreflights(t *testing.T) {
	t.Parallel()
	const end = `"handle":[{"handler":"static_response","status_code":418}]`
	c := moduletest.Provision(t, moduletest.HTTP(`{}`, withMiddleware(`{"handler":"preflighter"}`,
		`{"id":"post","paths":["/api/*"],"methods":["POST"],`+end+`}`,
		`{"id":"closed","paths":["/api/*"],"methods":["PUT"],"without":["preflighter"],`+end+`}`,
		`{"id":"own","paths":["/own"],"methods":["GET"],"without":["preflighter"],"handle":[{"handler":"preflighter"}]}`,
		`{"id":"options","paths":["/asked"],"methods":["OPTIONS"],"without":["preflighter"],`+end+`}`,
		`{"id":"asked","paths":["/asked"],"methods":["GET"],`+end+`}`,
		`{"id":"any","paths":["/any/*"],"without":["preflighter"],`+end+`}`,
		`{"id":"below","paths":["/any/one"],"methods":["DELETE"],`+end+`}`,
	)))
	for _, tc := range []struct {
		path, asked string
		status      int
		route       string
	}{
		{"/api/x", "POST", 204, "post"},
		{"/api/x", "PUT", 405, ""},
		{"/own", "GET", 204, "own"},
		{"/own", "HEAD", 204, "own"},
		{"/asked", "GET", 418, ""},
		{"/any/one", "DELETE", 204, "below"},
		{"/any/one", "GET", 418, ""},
		{"/api/x", "", 405, ""},
	} {
		r := httptest.NewRequest("OPTIONS", tc.path, nil)
		r.Header.Set("Origin", "https://example.com")
		if tc.asked != "" {
			r.Header.Set("Access-Control-Request-Method", tc.asked)
		}
		res := c.Serve(r)
		_ = res.Body.Close()
		if route := res.Header.Get("Preflighted"); res.StatusCode != tc.status || route != tc.route {
			t.Errorf("%s %s: %d by %q, want %d by %q", tc.path, tc.asked, res.StatusCode, route, tc.status, tc.route)
		}
	}
}

// quiet is middleware that does nothing.
type quiet struct{}

func init() { caddy.RegisterModule(quiet{}) }

func (quiet) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.quiet", New: func() caddy.Module { return new(quiet) }}
}

func (quiet) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

// keeper keeps the next of a request for one that comes later.
type keeper struct{}

func init() { caddy.RegisterModule(keeper{}) }

func (keeper) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.keeper", New: func() caddy.Module { return new(keeper) }}
}

var kept = make(chan func(w http.ResponseWriter) error, 1)

func (keeper) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	select {
	case first := <-kept:
		return first(w)
	default:
		kept <- func(w http.ResponseWriter) error { return next.ServeHTTP(w, r) }
		return nil
	}
}

// A handler that calls next when it has returned comes to its own request's, not to one that is served meanwhile.
func TestLateNext(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(`{}`, withMiddleware(`{"handler":"keeper"}`,
		`{"id":"first","paths":["/first/{x}"],"rewrite":"/of/{x}","handle":[{"handler":"mark_a"}]}`, `{"id":"second","paths":["/second/{x}"],"rewrite":"/not/{x}","handle":[{"handler":"mark_b"}]}`)))
	for _, tc := range []struct{ path, trail string }{{"/first/1", ""}, {"/second/2", "mark_a first /of/1"}} {
		res, _ := ask(t, c, "GET", tc.path)
		if trail := strings.Join(res.Header["Trail"], ", "); trail != tc.trail {
			t.Errorf("%s: %q, want %q", tc.path, trail, tc.trail)
		}
	}
}
