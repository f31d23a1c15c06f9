package wasmfilter_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// An error of the chain is an answer to plugins, as it is in Envoy: they add headers to its page, change its status, answer
// something else, or fail at it.
func TestPluginsSeeErrors(t *testing.T) {
	t.Parallel()
	const body = "\nresponse_body: never" // makes the handler's header one of its own
	for name, tc := range map[string]struct {
		scripts []string
		want    string
	}{
		"adds":                    {[]string{"response_headers: get 2 :status; set 2 x-seen $val"}, `502 "page of 502" seen ["502"]`},
		"adds, with a body":       {[]string{"response_headers: set 2 x-seen 1; set 2 content-length 3" + body}, `502 "page of 502" seen ["1"]`},
		"takes the type":          {[]string{"response_headers: del 2 content-type"}, `502 "page of 502" seen []`},
		"changes the status":      {[]string{"response_headers: set 2 :status 418; set 2 x-seen 1"}, `418 "page of 418" seen ["1"]`},
		"answers":                 {[]string{"response_headers: reply 404 \"not here\" x-seen=1; return 1"}, `404 "not here" seen ["1"]`},
		"fails":                   {[]string{"response_headers: set 2 x-seen 1; trap"}, `503 "page of 503" seen []`},
		"both":                    {[]string{"response_headers: get 2 :status; set 2 x-seen $val", "response_headers: set 2 :status 504"}, `504 "page of 504" seen ["504"]`},
		"sees another's failure":  {[]string{"response_headers: get 2 :status; set 2 x-seen $val", "request_headers: trap"}, `503 "page of 503" seen ["503"]`},
		"reads it in the end":     {[]string{"response_headers: set 2 x-seen 1\nlog: get 2 x-seen"}, `502 "page of 502" seen ["1"]`},
		"does not see its own":    {[]string{"request_headers: trap\nresponse_headers: set 2 x-seen 1"}, `503 "page of 503" seen []`},
		"nothing of another type": {[]string{"request_headers: return 0"}, `502 "page of 502" seen []`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := failing(t, tc.scripts)
			res := c.Serve(httptest.NewRequest("GET", "http://example.org/", nil))
			defer func() { _ = res.Body.Close() }()
			page, err := io.ReadAll(res.Body)
			got := fmt.Sprintf("%d %q seen %q", res.StatusCode, page, res.Header["X-Seen"])
			if err != nil || got != tc.want {
				t.Errorf("%s, error %v; want %s", got, err, tc.want)
			}
			if name == "reads it in the end" && !strings.Contains(c.Logs(), `get 2 x-seen -> 0 \"1\"`) {
				t.Errorf("on_log does not see the head: %s", c.Logs())
			}
			if kind := res.Header.Get("Content-Type"); strings.HasPrefix(string(page), "page") && kind != "text/plain; charset=utf-8" {
				t.Errorf("Content-Type %q", kind)
			}
		})
	}
}

// failing is a gateway whose handler behind the plugins fails, and which has a page for that.
func failing(t *testing.T, scripts []string) *moduletest.Caddy {
	t.Helper()
	var plugins, names []string
	for i, script := range scripts {
		name := fmt.Sprint("p", i)
		plugins = append(plugins, `"`+name+`":{"path":`+moduletest.Quote(probePath(t))+`,"config":`+moduletest.Quote(script)+`}`)
		names = append(names, `{"name":"`+name+`"}`)
	}
	return moduletest.Provision(t, moduletest.Server(`{"plugins":{`+strings.Join(plugins, ",")+`}}`, `{
		"listen": ["127.0.0.1:0"], "automatic_https": {"disable": true},
		"routes": [{"handle": [{"handler":"loom_wasm","plugins":[`+strings.Join(names, ",")+`]}, {"handler":"error","status_code":502}]}],
		"errors": {"routes": [{"handle": [{"handler":"static_response","status_code":"{http.error.status_code}","body":"page of {http.error.status_code}"}]}]}}`))
}
