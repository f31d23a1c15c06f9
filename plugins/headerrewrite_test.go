package plugins_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

func TestHeaderRewrite(t *testing.T) {
	t.Parallel()
	eachBuild(t, "header-rewrite", testHeaderRewrite)
}

func testHeaderRewrite(t *testing.T, code []byte) {
	for _, tc := range []struct {
		name, config string
		send         []string
		request      http.Header // what the backend sees; nil means that it has none
		response     http.Header // what the client sees
		path         string
	}{
		{name: "no configuration changes nothing", send: []string{"X-A", "1"}, request: http.Header{"X-A": {"1"}}, response: http.Header{"X-Backend": {"1", "2"}}},
		{name: "set replaces all", config: "request set X-A one and two\nresponse set x-backend z", send: []string{"X-A", "1", "X-A", "2"}, request: http.Header{"X-A": {"one and two"}}, response: http.Header{"X-Backend": {"z"}}},
		{name: "add keeps", config: "request add x-a 3\nresponse add x-backend 3", send: []string{"X-A", "1"}, request: http.Header{"X-A": {"1", "3"}}, response: http.Header{"X-Backend": {"1", "2", "3"}}},
		{name: "remove", config: "request remove x-a\nresponse remove x-backend", send: []string{"X-A", "1", "X-A", "2"}, request: http.Header{"X-A": nil}, response: http.Header{"X-Backend": nil}},
		{name: "rename keeps every value", config: "request rename x-a x-b\nresponse rename x-backend x-front", send: []string{"X-A", "1", "X-A", "2"}, request: http.Header{"X-A": nil, "X-B": {"1", "2"}}, response: http.Header{"X-Backend": nil, "X-Front": {"1", "2"}}},
		{name: "rename of what is not there", config: "request rename x-none x-b", request: http.Header{"X-B": nil}},
		{name: "in the order of the lines", config: "\n# first one, then the other\r\n  request set x-a 1\r\nrequest rename x-a x-b\nrequest add x-b 2\n", request: http.Header{"X-A": nil, "X-B": {"1", "2"}}},
		{name: "a pseudo header", config: "request set :path /other?x=1", path: "/other?x=1"},
		{name: "a prefix", config: "request path-prefix /path /v2/new", path: "/v2/new?query"},
		{name: "a prefix becomes the root", config: "request path-prefix /path /", path: "/?query"},
		{name: "the root becomes a prefix", config: "request path-prefix / /v2", path: "/v2/path?query"},
		{name: "a prefix ends with a segment", config: "request path-prefix /pa /v2", path: "/path?query"},
		{name: "slashes meet once", config: "request path-prefix / /v2/", path: "/v2/path?query"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, logs, err := open(t, plugin.Spec{Name: "header-rewrite", Code: code, Config: tc.config, Instances: 1})
			if err != nil {
				t.Fatal(err, logs.All())
			}
			seen := make(chan *http.Request, 1)
			server := serve(t, p, tc.config, func(w http.ResponseWriter, r *http.Request) {
				seen <- r.Clone(r.Context())
				w.Header()["X-Backend"] = []string{"1", "2"}
			})
			a := get(t, server, tc.send...)
			r := <-seen
			same(t, "the backend", r.Header, tc.request)
			same(t, "the client", a.header, tc.response)
			if tc.path != "" && r.URL.RequestURI() != tc.path {
				t.Errorf("the backend was asked for %q, want %q", r.URL.RequestURI(), tc.path)
			}
		})
	}
	t.Run("routes have rules of their own, in one instance", func(t *testing.T) {
		t.Parallel()
		const one, other = "response set x-rules one", "response set x-rules other"
		p, logs, err := open(t, plugin.Spec{Name: "header-rewrite", Code: code, Config: one, Instances: 1})
		if err != nil {
			t.Fatal(err, logs.All())
		}
		nothing := func(http.ResponseWriter, *http.Request) {}
		first, second := serve(t, p, one, nothing), serve(t, p, other, nothing)
		for range 3 {
			same(t, "the first client", get(t, first).header, http.Header{"X-Rules": {"one"}})
			same(t, "the second client", get(t, second).header, http.Header{"X-Rules": {"other"}})
		}
	})

	refusesMistakes(t, plugin.Spec{Name: "header-rewrite", Code: code}, map[string]string{
		"reqest set x-a 1":                       `header-rewrite: line 1: "reqest set x-a 1": a line begins with request or response`,
		"request set x-a 1\n\nrequest put x-a 1": `line 3: "request put x-a 1": the action is not known`,
		"request set x(a) 1":                     `a header name has letters`,
		"request set":                            `a header name has letters`,
		"request remove :path":                   `a pseudo header can only be set`,
		"request remove x-a x-b":                 `remove takes one name`,
		"request rename x-a":                     `write rename OLD NEW`,
		"request set x-a 1\x012":                 `control characters`,
		"response path-prefix /a /b":             `a response has no path`,
		"request path-prefix a b":                `with a leading slash`,
		"request path-prefix /a /b /c":           `with a leading slash`,
	})
}

func same(t *testing.T, who string, got, want http.Header) {
	t.Helper()
	for name, values := range want {
		if !slices.Equal(got[name], values) {
			t.Errorf("%s saw %s: %q, want %q", who, name, got[name], values)
		}
	}
}
