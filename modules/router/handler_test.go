package router_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"

	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	_ "github.com/loom-gateway/loom/modules/gateway"
	_ "github.com/loom-gateway/loom/modules/router"
)

// see answers with what a handler behind the router sees.
const see = `{"handler":"static_response","body":"{loom.route.id} {http.request.uri} {loom.route.params.id} {loom.route.params.*}"}`

// unset removes placeholders of captures that the route does not have: Caddy leaves them as they are.
var unset = strings.NewReplacer("{loom.route.params.id}", "", "{loom.route.params.*}", "")

func routes(list ...string) string {
	return `{"handler":"loom_router","routes":[` + strings.Join(list, ",") + `]}`
}

func ask(t *testing.T, c *moduletest.Caddy, method, target string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, "http://example.org/", nil)
	r.RequestURI = target
	path, query, _ := strings.Cut(target, "?")
	u, err := r.URL.Parse(strings.ReplaceAll(path, `\`, "%5C"))
	if err != nil || !strings.HasPrefix(path, "/") {
		u = r.URL
	}
	u.RawQuery = query
	r.URL = u
	r.URL.Path, r.URL.RawPath = mustUnescape(path), path
	res := c.Serve(r)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func mustUnescape(s string) string {
	r := strings.NewReplacer("%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`, "%61", "a", "%20", " ", "%7B", "{", "%7D", "}", "%3B", ";")
	return r.Replace(s)
}

func TestRouting(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(`{}`, routes(
		`{"id":"user","paths":["/users/{id}"],"methods":["GET"],"handle":[`+see+`]}`,
		`{"id":"files","paths":["/files/*"],"handle":[`+see+`]}`,
		`{"id":"strip","paths":["/api/*"],"strip_prefix":"/api","handle":[`+see+`]}`,
		`{"id":"rewrite","paths":["/old/{id}/*"],"rewrite":"/new/*/{*}?id={id}","handle":[`+see+`]}`,
		`{"id":"plain","paths":["/plain"],"rewrite":"/a b","handle":[`+see+`]}`,
		`{"id":"twice","paths":["/twice"],"handle":[{"handler":"headers","response":{"set":{"X-One":["1"]}}},`+see+`]}`,
	)))
	for _, tc := range []struct {
		method, target string
		status         int
		want           string
	}{
		{"GET", "/users/7?x=1", 200, "user /users/7?x=1 7 "},
		{"HEAD", "/users/7", 200, ""},
		{"POST", "/users/7", 405, ""},
		{"GET", "/nothing", 404, ""},
		{"GET", "/files/a/b", 200, "files /files/a/b  a/b"},
		{"GET", "/files/%7Benv.HOME%7D", 200, "files /files/%7Benv.HOME%7D  {env.HOME}"},
		{"GET", "/files/../users/%61", 200, "user /users/a a "},
		{"GET", "/api", 200, "strip /  "},
		{"GET", "/api/x/y?q", 200, "strip /x/y?q  x/y"},
		{"GET", "/old/1/a%20b?gone", 200, "rewrite /new/*/a%20b?id=1 1 a b"},
		{"GET", "/plain", 200, "plain /a%20b  "},
		{"GET", "/twice", 200, "twice /twice  "},
		{"GET", "/users/a%2Fb", 400, ""},
		{"GET", "/users/a%5Cb", 400, ""},
		{"GET", "/users;x=1/7", 400, ""},
		{"GET", "/../users/7", 400, ""},
	} {
		res, body := ask(t, c, tc.method, tc.target)
		body = unset.Replace(body)
		if res.StatusCode != tc.status || (tc.status == 200 && tc.method != "HEAD" && body != tc.want) {
			t.Errorf("%s %s: %d %q, want %d %q", tc.method, tc.target, res.StatusCode, body, tc.status, tc.want)
		}
		if tc.status == 405 && res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("Allow %q", res.Header.Get("Allow"))
		}
	}
}

// No spelling of a path below /admin may reach another route than the one that guards it.
func TestNoWayAroundARoute(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{`{}`, `{"encoded_slashes":"keep","semicolons":"keep"}`, `{"semicolons":"strip"}`} {
		router := `{"handler":"loom_router","paths":` + policy + `,"routes":[
			{"id":"guarded","paths":["/admin/*"],"handle":[` + see + `]},{"id":"open","paths":["/*"],"handle":[` + see + `]}]}`
		c := moduletest.Provision(t, moduletest.HTTP(`{}`, router))
		for _, target := range []string{
			"/admin/secret", "//admin/secret", "/./admin/secret", "/x/../admin/secret", "/%61dmin/secret", "/admin//secret", "/admin/./secret",
			"/x/%2e%2e/admin/secret", "/%2e/admin/secret", "/x/..%2fadmin/secret", "/admin%2fsecret", "/admin%5csecret", "/x%5c..%5cadmin/secret",
			"/;x/admin/secret", "/admin;x/secret", "/x/..;/admin/secret", "/x/.;/../admin/secret", "/admin%3Bx/secret",
		} {
			res, body := ask(t, c, "GET", target)
			if res.StatusCode == 400 || strings.HasPrefix(body, "guarded ") {
				continue
			}
			seen := strings.Fields(body)[1]
			if plain := strings.ToLower(mustUnescape(seen)); strings.Contains(plain, "admin/secret") && !strings.Contains(plain, ";") && !strings.Contains(seen, "%2F") {
				t.Errorf("policy %s: %s went to %q", policy, target, body)
			}
			if strings.Contains(seen, "..") || strings.Contains(seen, "//") {
				t.Errorf("policy %s: the backend of %s would see %s", policy, target, seen)
			}
		}
	}
}

func TestMatcher(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.Server(`{}`, `{"listen":["127.0.0.1:0"],"automatic_https":{"disable":true},"routes":[
		{"match":[{"loom_route":{"paths":["/users/{id}"],"methods":["GET"]}}],"handle":[{"handler":"static_response","body":"{loom.route.params.id}"}],"terminal":true},
		{"handle":[{"handler":"static_response","body":"other"}]}]}`))
	for target, want := range map[string]string{"/users/7": "7", "/users/7/x": "other", "/x/../users/8": "8"} {
		if _, body := ask(t, c, "GET", target); body != want {
			t.Errorf("%s: %q, want %q", target, body, want)
		}
	}
}

func TestRefusedRouters(t *testing.T) {
	t.Parallel()
	for want, router := range map[string]string{
		"another route has this id":      routes(`{"id":"a","paths":["/a"]}`, `{"id":"a","paths":["/b"]}`),
		`did you mean "keep"?`:           `{"handler":"loom_router","paths":{"encoded_slashes":"keeep"}}`,
		"strip_prefix and rewrite":       routes(`{"strip_prefix":"/a","rewrite":"/b"}`),
		"does not capture":               routes(`{"paths":["/a/{x}"],"rewrite":"/b/{id}"}`),
		"needs a trailing *":             routes(`{"paths":["/a"],"rewrite":"/b/{*}"}`),
		"begin it with a slash":          routes(`{"paths":["a"]}`),
		`did you mean "mark_a"?`:         withMiddleware(`{"handler":"mark_a"}`, `{"without":["mark_aa"]}`),
		`has no middleware "x": it has`:  withMiddleware(`{"handler":"mark_a"}`, `{"without":["x"]}`),
		"loading middleware":             withMiddleware(`{"handler":"nope"}`, `{}`),
		"unknown module: http.handlers.": routes(`{"handle":[{"handler":"nope"}]}`),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if _, err := moduletest.TryProvision(t, moduletest.HTTP(`{}`, router)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestShadowedRoutesAreLogged(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(`{}`, routes(`{"id":"first","paths":["/a"]}`, `{"id":"second","paths":["/a"],"methods":["GET"]}`)))
	if logs := c.Logs(); !strings.Contains(logs, "route can never be reached") || !strings.Contains(logs, "second") {
		t.Errorf("logs %s", logs)
	}
}

// BenchmarkRouter is a whole request through Caddy's server and the router, with 10 and with 10,000 routes.
func BenchmarkRouter(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`{"id":"%d","paths":["/service%d/users/{id}"],"methods":["GET"],"handle":[{"handler":"static_response"}]}`, i, i)
		}
		c := moduletest.Provision(b, moduletest.HTTP(`{}`, routes(list...)))
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = c.Serve(httptest.NewRequest("GET", "http://example.org/service7/users/42", nil)).Body.Close()
			}
		})
	}
}
