package requestid_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	_ "github.com/loom-gateway/loom/modules/gateway"
	_ "github.com/loom-gateway/loom/modules/middleware/requestid"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/proxy"
	_ "github.com/loom-gateway/loom/modules/router"
	_ "github.com/loom-gateway/loom/modules/wasmfilter"
)

var uuid7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// seen is what a backend of the test gets and the client hears.
type seen struct{ backend, client http.Header }

func ask(t *testing.T, settings, trusted string, sent http.Header) seen {
	t.Helper()
	var s seen
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.backend = r.Header.Clone()
		w.Header().Set("X-Request-Id", "the backend's own")
		w.Header().Set("X-Correlation", "the backend's own")
	}))
	defer backend.Close()
	c := moduletest.Provision(t, moduletest.Server(
		`{"upstreams":{"b":{"endpoints":[{"address":"`+strings.TrimPrefix(backend.URL, "http://")+`"}]}}}`,
		`{"listen":["127.0.0.1:0"],"automatic_https":{"disable":true},"logs":{},`+trusted+`"routes":[{"handle":[
			{"handler":"loom_router","middleware":[{"handler":"loom_request_id"`+settings+`}],"routes":[
				{"id":"r","paths":["/"],"handle":[{"handler":"headers","response":{"set":{"Seen":["{loom.request_id}"]}}},{"handler":"loom_proxy","upstream":"b"}]}]}]}]}`)).Start()
	defer c.Close()
	req, err := http.NewRequest(http.MethodGet, c.URL(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = sent
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	s.client = res.Header
	id := res.Header.Get("Seen")
	if log := c.Logs(); !strings.Contains(log, `"request_id":"`+id+`"`) {
		t.Errorf("no access log has %s:\n%s", id, log)
	}
	return s
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	const loopback = `"trusted_proxies":{"source":"static","ranges":["127.0.0.0/8"]},`
	for name, test := range map[string]struct {
		settings, trusted string
		header            string
		sent              []string
		kept              bool
	}{
		"none is sent":               {"", loopback, "X-Request-Id", nil, false},
		"of a trusted proxy":         {"", loopback, "X-Request-Id", []string{"id-7_a.b~c:d/e+f=@"}, true},
		"of anybody":                 {"", "", "X-Request-Id", []string{"id-7"}, false},
		"of a proxy elsewhere":       {"", strings.ReplaceAll(loopback, "127", "10"), "X-Request-Id", []string{"id-7"}, false},
		"two":                        {"", loopback, "X-Request-Id", []string{"a", "b"}, false},
		"too long":                   {"", loopback, "X-Request-Id", []string{strings.Repeat("a", 129)}, false},
		"as long as may be":          {"", loopback, "X-Request-Id", []string{strings.Repeat("a", 128)}, true},
		"empty":                      {"", loopback, "X-Request-Id", []string{""}, false},
		"a quote":                    {"", loopback, "X-Request-Id", []string{`a","level":"error`}, false},
		"a placeholder":              {"", loopback, "X-Request-Id", []string{"{env.HOME}"}, false},
		"bytes that are not ASCII":   {"", loopback, "X-Request-Id", []string{"\x80\xff"}, false},
		"another header":             {`,"header":"x-correlation"`, loopback, "X-Correlation", []string{"id-7"}, true},
		"another header, of anybody": {`,"header":"x-correlation"`, "", "X-Correlation", []string{"id-7"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := http.Header{}
			if test.sent != nil {
				sent[test.header] = test.sent
			}
			s := ask(t, test.settings, test.trusted, sent)
			got, client := s.backend[test.header], s.client[test.header]
			if len(got) != 1 || len(client) != 1 || got[0] != client[0] || s.client.Get("Seen") != got[0] {
				t.Fatalf("backend %q, client %q, placeholder %q", got, client, s.client.Get("Seen"))
			}
			if kept := len(test.sent) == 1 && got[0] == test.sent[0]; kept != test.kept || (!kept && !uuid7.MatchString(got[0])) {
				t.Errorf("the id became %q", got[0])
			}
		})
	}
}

// An error page has the id too, one that the router itself answers as well.
func TestErrorsHaveTheID(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(`{}`, `{"handler":"loom_router","middleware":[{"handler":"loom_request_id"}],"routes":[]}`))
	res := c.Serve(httptest.NewRequest("GET", "/missing", nil))
	_ = res.Body.Close()
	if id := res.Header["X-Request-Id"]; res.StatusCode != 404 || len(id) != 1 || !uuid7.MatchString(id[0]) {
		t.Errorf("%d with %q", res.StatusCode, id)
	}
}

func TestRefusedHeader(t *testing.T) {
	t.Parallel()
	_, err := moduletest.TryProvision(t, moduletest.HTTP(`{}`, `{"handler":"loom_request_id","header":"a b"}`))
	if err == nil || !strings.Contains(err.Error(), "such as X-Request-Id") {
		t.Errorf("error %v", err)
	}
}
