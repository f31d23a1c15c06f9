package wasmfilter_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/debuggate"
	"github.com/loom-gateway/loom/internal/pluginwatch"
	"github.com/loom-gateway/loom/modules/moduletest"
)

const debugKey = "a key of more than sixteen bytes"

// debugged is a config with plugins, by name and script, behind which the answer shows what is left of the client's question.
func debugged(t *testing.T, debug, settings string, plugins ...string) string {
	t.Helper()
	var defined, handlers []string
	for i := 0; i < len(plugins); i += 2 {
		name := moduletest.Quote(plugins[i])
		defined = append(defined, name+`:{"path":`+moduletest.Quote(probePath(t))+`,"config":`+moduletest.Quote(plugins[i+1])+settings+`}`)
		handlers = append(handlers, `{"handler":"loom_wasm","plugins":[{"name":`+name+`}]}`)
	}
	handlers = append(handlers, `{"handler":"static_response","body":"<{http.request.header.Loom-Debug}{http.request.header.X-Seen}>"}`)
	return moduletest.HTTP(`{`+debug+`"plugins":{`+strings.Join(defined, ",")+`}}`, handlers...)
}

const onLoopback = `"debug":{"loopback":true},`

// question is a request that asks for a report.
func question(peer, header string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://example.org/a?b=c", nil)
	r.RemoteAddr = peer
	r.Header.Set(debuggate.Header, header)
	return r
}

// report is the response's, without the figures that differ from run to run.
func report(h http.Header) string {
	figures := regexp.MustCompile(`;us=[0-9]+\.[0-9];hostcalls=[0-9]+`)
	return figures.ReplaceAllString(strings.Join(h.Values(pluginwatch.ReportHeader), "\n"), ";us=N")
}

// Each phase of each plugin has a line, in the order in which they ran, over the handlers of a request.
func TestReport(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, debugged(t, onLoopback, "",
		"report-outer", script(`request_headers: add 0 x-secret swordfish; set 0 :path /other`, `response_headers: set 2 content-type text/html`),
		"report-inner", script(`request_headers: del 0 x-secret; set 0 x-secret trout; del 0 x-absent`, `response_headers: add 2 x-b c`)))
	res := c.Serve(question("127.0.0.1:5000", "1"))
	want := strings.Join([]string{
		`"report-outer";phase=on_context_create;us=N`,
		`"report-outer";phase=on_request_headers;verdict=continue;us=N;added="x-secret";replaced=":path"`,
		`"report-inner";phase=on_context_create;us=N`,
		`"report-inner";phase=on_request_headers;verdict=continue;us=N;added="x-secret";removed="x-secret"`,
		`"report-inner";phase=on_response_headers;verdict=continue;us=N;added="x-b"`,
		`"report-inner";phase=on_response_body;verdict=continue;us=N`,
		`"report-outer";phase=on_response_headers;verdict=continue;us=N;replaced="content-type"`,
		`"report-outer";phase=on_response_body;verdict=continue;us=N`,
	}, "\n")
	if got := report(res.Header); got != want {
		t.Errorf("the report is\n%s\nwant\n%s", got, want)
	}
	if text := fmt.Sprint(res.Header); strings.Contains(text, "swordfish") || strings.Contains(text, "trout") {
		t.Errorf("the report shows values: %s", text)
	}
}

// Whoever must not see a report does not, and neither a plugin nor a backend sees the question.
func TestWhoSeesAReport(t *testing.T) {
	t.Parallel()
	signed := func(key, method, uri string, at time.Time) string {
		s := debuggate.Sign([]byte(key), debuggate.Request{Method: method, Host: "example.org", URI: uri}, at.Unix())
		return fmt.Sprintf("t=%d,s=%s", at.Unix(), hex.EncodeToString(s))
	}
	const away, keyed = "192.0.2.1:5000", `"debug":{"key":"` + debugKey + `"},`
	now := time.Now()
	for name, test := range map[string]struct {
		debug, peer, header string
		seen                bool
	}{
		"loopback":           {onLoopback, "127.0.0.1:5000", "1", true},
		"loopback of IPv6":   {onLoopback, "[::1]:5000", "1", true},
		"mapped to IPv6":     {onLoopback, "[::ffff:127.0.0.1]:5000", "1", true},
		"off":                {"", "127.0.0.1:5000", "1", false},
		"from elsewhere":     {onLoopback, away, "1", false},
		"a socket":           {onLoopback, "@", "1", false},
		"another value":      {onLoopback, "127.0.0.1:5000", "0", false},
		"loopback is off":    {keyed, "127.0.0.1:5000", "1", false},
		"signed":             {keyed, away, signed(debugKey, "GET", "/a?b=c", now), true},
		"signed by a prefix": {keyed, away, signed(debugKey[:16], "GET", "/a?b=c", now), false},
		"another method":     {keyed, away, signed(debugKey, "POST", "/a?b=c", now), false},
		"without the query":  {keyed, away, signed(debugKey, "GET", "/a", now), false},
		"signed long ago":    {keyed, away, signed(debugKey, "GET", "/a?b=c", now.Add(-time.Hour)), false},
		"signed in future":   {keyed, away, signed(debugKey, "GET", "/a?b=c", now.Add(time.Hour)), false},
		"an empty signature": {keyed, away, fmt.Sprintf("t=%d,s=", now.Unix()), false},
		"no key":             {onLoopback, away, signed("", "GET", "/a?b=c", now), false},
		"the time is words":  {keyed, away, "t=now,s=00", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := moduletest.Provision(t, debugged(t, test.debug, "", "report-"+name, `request_headers: get 0 loom-debug; set 0 x-seen $val`))
			r := question(test.peer, test.header)
			r.Header.Set("X-Forwarded-For", "127.0.0.1")
			res := c.Serve(r)
			body, err := io.ReadAll(res.Body)
			if err != nil || string(body) != "<>" {
				t.Errorf("behind the gateway: %q, %v", body, err)
			}
			if seen := report(res.Header) != ""; seen != test.seen {
				t.Errorf("the report: %q\n%s", report(res.Header), c.Logs())
			}
		})
	}
}

// The page of an error has the report that says whose it is.
func TestReportOfFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ settings, script, want string }{
		"closed": {`,"failure_policy":"closed"`, `request_headers: trap`, `phase=on_request_headers;verdict=fail;us=N`},
		"open":   {`,"failure_policy":"open"`, `request_headers: trap`, `phase=on_request_headers;verdict=skip;us=N`},
		"reply":  {``, `request_headers: reply 403 no; return 1`, `phase=on_request_headers;verdict=local_reply;status=403;us=N`},
		"paused": {`,"limits":{"pause_timeout":"10ms"}`, `request_headers: return 1`, `verdict=fail;limit=pause_timeout`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := moduletest.Provision(t, debugged(t, onLoopback, test.settings, "fails-"+name, test.script))
			res := c.Serve(question("127.0.0.1:5000", "1"))
			if got := report(res.Header); !strings.Contains(got, `"fails-`+name+`";`+test.want) {
				t.Errorf("%d, the report is\n%s\n%s", res.StatusCode, got, c.Logs())
			}
		})
	}
}

// What runs after the head has gone is in the trailers, for a client that takes them.
func TestReportInTrailers(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, debugged(t, onLoopback, "", "report-late", script(`response_headers: del 2 content-length`, `response_body: get 2 x`, `log: get 0 :path`))).Start()
	for _, takes := range []bool{true, false} {
		r, err := http.NewRequest(http.MethodGet, c.URL(""), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(debuggate.Header, "1")
		if takes {
			r.Header.Set("Te", "trailers")
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != "<>" {
			t.Errorf("%q, %v", body, err)
		}
		_ = res.Body.Close()
		if !strings.Contains(report(res.Header), "on_response_headers") || strings.Contains(report(res.Header), "on_log") {
			t.Errorf("the head has\n%s", report(res.Header))
		}
		if got := report(res.Trailer); strings.Contains(got, `"report-late";phase=on_log;us=N`) != takes || strings.Contains(got, "on_response_headers") {
			t.Errorf("TE %v: the trailers have\n%s", takes, got)
		}
	}
}

// What a config says wrong about the report is refused with what to write instead.
func TestDebugSettings(t *testing.T) {
	t.Parallel()
	for debug, want := range map[string]string{
		`{}`: "set loopback, or a key", `{"key":"short"}`: "the key has 5 bytes, write at least 16",
		`{"loopback":true,"window":"2h"}`: "write a time up to 1h", `{"key":"{env.LOOM_NO_SUCH_VARIABLE}"}`: "debug: key: ",
	} {
		_, err := moduletest.TryProvision(t, debugged(t, `"debug":`+debug+`,`, "", "report-config", ""))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", debug, err)
		}
	}
}
